#include "core/file_lock.h"

#include <sys/file.h>
#include <unistd.h>

#include <fcntl.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

#include "core/error.h"

namespace isthmus {

std::unique_ptr<FileLock> FileLock::take(const std::filesystem::path& file, Seconds limit) {
  using Steady = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPause{5};
  const auto fail = [&] {
    throw Error(ErrorKind::kIo, "cannot lock " + file.string() + ": " + std::strerror(errno));
  };
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  const int descriptor = open(file.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0644);
  if (descriptor < 0) fail();
  std::unique_ptr<FileLock> lock(new FileLock(descriptor));
  const auto end = Steady::now() + limit;
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) fail();
    if (Steady::now() >= end) return nullptr;
    std::this_thread::sleep_for(kPause);
  }
  return lock;
}

FileLock::~FileLock() { close(descriptor_); }

}  // namespace isthmus
