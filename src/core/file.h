#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace isthmus {

// Throws Error{kNotFound} for a missing file, Error{kInvalid} for a folder or a file over `limit`
// bytes, Error{kIo} otherwise.
std::string read_file(const std::filesystem::path& file, std::size_t limit = std::size_t{4} << 30);

// Writes beside the file and renames, so that a reader (or a crash) sees the old or the new content
// and never a part. Makes missing folders; writes straight into what is no regular file
// (/dev/stdout). Throws Error{kIo}, which says which and why (a full disk, for one).
void write_file(const std::filesystem::path& file, std::string_view content);
void write_file(const std::filesystem::path& file, std::span<const std::byte> content);

// A folder that is removed with all it holds when this goes out of scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// `ISTHMUS_DATA`, or ~/.cache/isthmus/data: the one place where data sets, models and traces are
// looked for.
std::filesystem::path data_folder();
// `ISTHMUS_CACHE`, or ~/.cache/isthmus: profiles and what agents hold.
std::filesystem::path cache_folder();

}  // namespace isthmus
