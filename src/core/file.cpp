#include "core/file.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, const fs::path& file, int error) {
  throw Error(error == ENOENT || error == ENOTDIR ? ErrorKind::kNotFound : ErrorKind::kIo,
              what + ' ' + file.string() + ": " + std::strerror(error));
}

[[noreturn]] void fail_to_write(const fs::path& file, int error) {
  throw Error(ErrorKind::kIo, "cannot write " + file.string() + ": " + std::strerror(error));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }
  // Some file systems report a full disk only here.
  int close() { return ::close(std::exchange(number_, -1)); }

 private:
  int number_;
};

void write_all(int descriptor, std::string_view content, const fs::path& file) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_to_write(file, errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_in_place(const fs::path& file, std::string_view content) {
  Descriptor out(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (out.number() < 0) fail_to_write(file, errno);
  write_all(out.number(), content, file);
}

// A name beside `file` that no other thread or process uses.
fs::path name_beside(const fs::path& file) {
  static std::atomic<unsigned> counter{0};
  return file.parent_path() / ("." + file.filename().string() + "." + std::to_string(::getpid()) +
                               "." + std::to_string(counter++));
}

void write_and_rename(const fs::path& file, std::string_view content) {
  const fs::path temporary = name_beside(file);
  try {
    Descriptor out(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (out.number() < 0) fail_to_write(file, errno);
    write_all(out.number(), content, file);
    if (::fsync(out.number()) != 0 && errno != EINVAL) fail_to_write(file, errno);
    if (out.close() != 0) fail_to_write(file, errno);
    if (::rename(temporary.c_str(), file.c_str()) != 0) fail_to_write(file, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

fs::path home_folder() {
  if (const char* home = std::getenv("HOME"); home && *home) return home;
  if (const passwd* user = ::getpwuid(::getuid())) return user->pw_dir;
  return "/";
}

fs::path folder_from(const char* variable, const fs::path& fallback) {
  const char* value = std::getenv(variable);
  return value && *value ? fs::path(value) : home_folder() / fallback;
}

}  // namespace

std::string read_file(const fs::path& file, std::size_t limit) {
  Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.number() < 0) fail("cannot read", file, errno);
  struct stat status{};
  if (::fstat(in.number(), &status) != 0) fail("cannot read", file, errno);
  if (S_ISDIR(status.st_mode))
    throw Error(ErrorKind::kInvalid, "cannot read " + file.string() + ": it is a folder");

  const auto refuse = [&] {
    throw Error(ErrorKind::kInvalid, "file is larger than the limit of " + std::to_string(limit) +
                                         " bytes: " + file.string());
  };
  if (status.st_size > 0 && static_cast<std::size_t>(status.st_size) > limit) refuse();
  // One byte more than the size says, so that the end is seen without growing once more; what has
  // no size (a pipe) grows as it comes.
  std::string content(static_cast<std::size_t>(status.st_size) + 1, '\0');
  std::size_t length = 0;
  for (;;) {
    if (length == content.size()) content.resize(std::max<std::size_t>(4096, 2 * length));
    const ssize_t got = ::read(in.number(), content.data() + length, content.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read", file, errno);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
    if (length > limit) refuse();
  }
  content.resize(length);
  return content;
}

void write_file(const fs::path& file, std::string_view content) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (fs::is_directory(status)) fail_to_write(file, EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_in_place(file, content);
  if (file.has_parent_path()) {
    fs::create_directories(file.parent_path(), error);
    if (error) fail_to_write(file, error.value());
  }
  // A link stays a link: what it points to is replaced.
  const fs::path target = fs::is_symlink(file) ? fs::weakly_canonical(file, error) : file;
  write_and_rename(target.empty() ? file : target, content);
}

void write_file(const fs::path& file, std::span<const std::byte> content) {
  write_file(file, std::string_view(reinterpret_cast<const char*>(content.data()), content.size()));
}

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  std::string name = (fs::temp_directory_path(error) / "isthmus-XXXXXX").string();
  if (error || !::mkdtemp(name.data())) fail_to_write(name, error ? error.value() : errno);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path data_folder() { return folder_from("ISTHMUS_DATA", ".cache/isthmus/data"); }

fs::path cache_folder() { return folder_from("ISTHMUS_CACHE", ".cache/isthmus"); }

}  // namespace isthmus
