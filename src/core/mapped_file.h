#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace isthmus {

// A file that is read as memory: the kernel reads its pages when they are looked at, and may take
// them back. The file must not change meanwhile.
class MappedFile {
 public:
  // Throws Error{kNotFound} or Error{kIo}.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& file);
  // `descriptor` is not kept.
  explicit MappedFile(int descriptor);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // Gives this process's pages back until they are read again.
  void release_pages() const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// A file without a name in TMPDIR or /var/tmp, gone with its last user however that ends; in memory
// where neither can be written.
class UnnamedFile {
 public:
  UnnamedFile();
  ~UnnamedFile();
  UnnamedFile(const UnnamedFile&) = delete;
  UnnamedFile& operator=(const UnnamedFile&) = delete;

  // Throws Error{kIo} (a full disk, for one).
  void append(std::span<const std::byte> bytes);
  // What was appended so far; outlives this.
  std::shared_ptr<const MappedFile> map() const;

 private:
  int descriptor_;
};

}  // namespace isthmus
