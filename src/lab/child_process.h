#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"

namespace isthmus {

struct ChildOptions {
  std::vector<std::string> command;
  // Where its output goes; empty for nowhere.
  std::filesystem::path stdout_file;
  std::filesystem::path stderr_file;
};

// A program that was started and is stopped, at the latest, when this goes out of scope or this
// process dies (Ctrl-C or a crash leave nothing running).
class ChildProcess {
 public:
  // Throws Error{kIo} if it cannot be started.
  explicit ChildProcess(ChildOptions options);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  pid_t pid() const { return pid_; }
  // The exit code (128 + signal for a killed one), or nothing while it runs.
  std::optional<int> poll();
  // Throws Error{kUnavailable} if it still runs after `limit`, and Error{kInterrupted} on Ctrl-C;
  // it is stopped either way.
  int wait(Seconds limit);
  // The same whatever the user does: for what must be cleared away after Ctrl-C.
  int wait_uninterrupted(Seconds limit);
  void send_signal(int signal);
  // SIGTERM, then SIGKILL for one that does not listen.
  void stop();

 private:
  int wait_until_end(Seconds limit, bool until_interrupt);

  std::string name_;
  pid_t pid_ = -1;
  std::optional<int> code_;
};

// Another program of this project ("isthmus-agent"): beside the running one, or in the folder that
// ISTHMUS_BIN names. Throws Error{kNotFound}.
std::filesystem::path sibling_program(const std::string& name);

}  // namespace isthmus
