#include "core/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "core/error.h"

namespace isthmus {
namespace {

std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not lock");

void on_signal(int signal) {
  if (flag.exchange(true)) _exit(128 + signal);
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  // Without SA_RESTART: a blocked read or sleep returns, so that the flag is seen.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return flag; }

void check_interrupt() {
  if (interrupted()) throw Error(ErrorKind::kInterrupted, "interrupted");
}

}  // namespace isthmus
