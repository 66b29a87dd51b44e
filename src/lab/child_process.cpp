#include "lab/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/interrupt.h"

namespace isthmus {
namespace {

constexpr Seconds kPollInterval{0.002};
constexpr Seconds kStopPatience{2};

// Runs in the child between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(char* const* command, int out, int err, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  // A group of its own: Ctrl-C at the terminal reaches us, and we stop our children in order.
  setpgid(0, 0);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execvp(command[0], command);
  _exit(127);
}

int open_output(const std::filesystem::path& file) {
  const std::string name = file.empty() ? "/dev/null" : file.string();
  const int descriptor = open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0)
    throw Error(ErrorKind::kIo, "cannot write " + name + ": " + std::strerror(errno));
  return descriptor;
}

}  // namespace

ChildProcess::ChildProcess(ChildOptions options) : name_(options.command.front()) {
  std::vector<char*> arguments;
  std::ranges::transform(options.command, std::back_inserter(arguments),
                         [](std::string& text) { return text.data(); });
  arguments.push_back(nullptr);
  const int out = open_output(options.stdout_file);
  const int err = open_output(options.stderr_file);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(arguments.data(), out, err, parent);
  const int reason = errno;
  close(out);
  close(err);
  if (pid_ < 0) throw Error(ErrorKind::kIo, "cannot start " + name_ + ": " + std::strerror(reason));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : name_(std::move(other.name_)), pid_(std::exchange(other.pid_, -1)), code_(other.code_) {}

ChildProcess::~ChildProcess() { stop(); }

std::optional<int> ChildProcess::poll() {
  if (code_ || pid_ < 0) return code_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_)
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

int ChildProcess::wait(Seconds limit) { return wait_until_end(limit, true); }
int ChildProcess::wait_uninterrupted(Seconds limit) { return wait_until_end(limit, false); }

int ChildProcess::wait_until_end(Seconds limit, bool until_interrupt) {
  Clock& clock = system_clock();
  const Seconds end = clock.now() + limit;
  while (!poll()) {
    const bool is_interrupted = until_interrupt && interrupted();
    if (is_interrupted || clock.now() > end) {
      stop();
      if (is_interrupted) check_interrupt();
      throw Error(
          ErrorKind::kUnavailable,
          name_ + " did not end within " + std::to_string(static_cast<int>(limit.count())) + " s");
    }
    clock.sleep_for(kPollInterval);
  }
  return *code_;
}

void ChildProcess::send_signal(int signal) {
  if (!poll() && pid_ > 0) kill(pid_, signal);
}

void ChildProcess::stop() {
  if (pid_ < 0 || poll()) return;
  Clock& clock = system_clock();
  send_signal(SIGTERM);
  send_signal(SIGCONT);
  const Seconds end = clock.now() + kStopPatience;
  while (!poll() && clock.now() < end) clock.sleep_for(kPollInterval);
  send_signal(SIGKILL);
  while (!poll()) clock.sleep_for(kPollInterval);
}

std::filesystem::path sibling_program(const std::string& name) {
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
  if (std::filesystem::exists(beside)) return beside;
  if (const char* folder = std::getenv("ISTHMUS_BIN")) {
    const auto built = std::filesystem::path(folder) / name;
    if (std::filesystem::exists(built)) return built;
  }
  throw Error(ErrorKind::kNotFound, "the program " + name + " is not beside this one (expected " +
                                        beside.string() + "); build it with: make build");
}

}  // namespace isthmus
