#include "core/clock.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <ctime>

namespace isthmus {
namespace {

Seconds read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return Seconds{static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec)};
}

// The kernel may wake a thread 50 us late to save power, which is as much as a link's latency.
void be_woken_on_time() {
  thread_local const bool asked = prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL) == 0;
  static_cast<void>(asked);
}

}  // namespace

Seconds SystemClock::now() const { return read_clock(CLOCK_MONOTONIC); }

void SystemClock::sleep_until(Seconds when) {
  if (when <= now()) return;
  be_woken_on_time();
  double whole = 0;
  const double fraction = std::modf(when.count(), &whole);
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(whole);
  time.tv_nsec = static_cast<long>(1e9 * fraction);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

Seconds ManualClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void ManualClock::sleep_until(Seconds when) {
  const std::lock_guard lock(mutex_);
  now_ = std::max(now_, when);
}

void ManualClock::advance(Seconds duration) {
  const std::lock_guard lock(mutex_);
  now_ += duration;
}

std::string utc_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

Seconds thread_cpu_time() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

Seconds process_cpu_time() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace isthmus
