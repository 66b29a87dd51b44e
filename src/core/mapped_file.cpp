#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"

namespace isthmus {
namespace {

std::string why() { return std::strerror(errno); }

// In order. /tmp may be memory.
std::vector<std::string> folders_for_unnamed() {
  std::vector<std::string> folders;
  const char* folder = std::getenv("TMPDIR");
  if (folder != nullptr && *folder != '\0') folders.emplace_back(folder);
  folders.emplace_back("/var/tmp");
  return folders;
}

int open_unnamed() {
  for (const std::string& folder : folders_for_unnamed()) {
    std::string name = folder + "/isthmus-XXXXXX";
    const int descriptor = mkostemp(name.data(), O_CLOEXEC);
    if (descriptor < 0) continue;
    unlink(name.c_str());
    return descriptor;
  }
  return memfd_create("isthmus", MFD_CLOEXEC);
}

[[noreturn]] void throw_unnamed(const std::string& what) {
  throw Error(ErrorKind::kIo, "cannot " + what + " a temporary file in " +
                                  folders_for_unnamed().front() + " (TMPDIR): " + why());
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw Error(errno == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo,
                "cannot read " + file.string() + ": " + why());
  try {
    auto mapped = std::make_shared<const MappedFile>(descriptor);
    ::close(descriptor);
    return mapped;
  } catch (...) {
    ::close(descriptor);
    throw;
  }
}

MappedFile::MappedFile(int descriptor) {
  struct stat status{};
  if (fstat(descriptor, &status) != 0) throw Error(ErrorKind::kIo, "cannot map a file: " + why());
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* data = mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
  if (data == MAP_FAILED) throw Error(ErrorKind::kIo, "cannot map a file: " + why());
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release_pages() const {
  if (data_ != nullptr) madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

UnnamedFile::UnnamedFile() : descriptor_(open_unnamed()) {
  if (descriptor_ < 0) throw_unnamed("make");
}

UnnamedFile::~UnnamedFile() { ::close(descriptor_); }

void UnnamedFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_unnamed("write to");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

std::shared_ptr<const MappedFile> UnnamedFile::map() const {
  return std::make_shared<const MappedFile>(descriptor_);
}

}  // namespace isthmus
