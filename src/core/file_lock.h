#pragma once

#include <filesystem>
#include <memory>

#include "core/clock.h"

namespace isthmus {

// Held by one at a time of those that name the same file, in this process or another; let go when
// it is destroyed, however the process ends (flock(2)). The file is made where it is missing, and
// stays.
class FileLock {
 public:
  // Null where others hold it for longer than `limit`. Throws Error{kIo} where the file or its
  // folder cannot be made.
  static std::unique_ptr<FileLock> take(const std::filesystem::path& file, Seconds limit);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace isthmus
