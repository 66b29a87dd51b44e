#include "data/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"

namespace isthmus {
namespace {

// Ends and reaps the process unless it was waited for.
class Child {
 public:
  explicit Child(pid_t id) : id_(id) {}
  ~Child() {
    if (id_ <= 0) return;
    ::kill(id_, SIGTERM);
    ::waitpid(id_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Whether it has ended; `status` as of waitpid.
  bool ended(int& status) {
    const pid_t id = ::waitpid(id_, &status, WNOHANG);
    if (id == 0 || (id < 0 && errno == EINTR)) return false;
    id_ = 0;
    return true;
  }

 private:
  pid_t id_;
};

pid_t spawn(const std::vector<std::string>& arguments, const std::string& error_file) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, 2, error_file.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t id = 0;
  const int error = posix_spawnp(&id, pointers[0], &files, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0)
    throw Error(ErrorKind::kUnavailable,
                "cannot start the program " + arguments[0] + ": " + std::strerror(error));
  return id;
}

std::string last_words(const std::string& error_file) {
  constexpr std::size_t kMost = 2000;
  std::string text = read_file(error_file);
  while (text.ends_with('\n')) text.pop_back();
  if (text.size() > kMost) text.erase(0, text.size() - kMost);
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::function<void()>& tick) {
  const TemporaryFolder folder;
  const std::string error_file = (folder.path() / "stderr").string();
  Child child(spawn(arguments, error_file));
  int status = 0;
  Seconds pause{0.001};
  while (!child.ended(status)) {
    system_clock().sleep_for(pause);
    pause = std::min(2 * pause, Seconds{0.1});
    if (tick) tick();
  }
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .complaint = last_words(error_file)};
}

}  // namespace isthmus
