#include "core/file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "core/error.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

ErrorKind kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::kIo;
}

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

TEST(WriteFile, IsReadBackAndLeavesNothingElse) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "new" / "deep" / "a.bin";
  const std::string content("a\0b", 3);
  write_file(file, "old");
  write_file(file, content);
  EXPECT_EQ(read_file(file), content);
  EXPECT_EQ(files_in(file.parent_path()), 1U);
}

TEST(WriteFile, KeepsTheOldContentWhenItFails) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "a";
  write_file(file, "old");
  EXPECT_EQ(kind_of([&] { write_file(file / "b", "new"); }), ErrorKind::kIo);
  EXPECT_EQ(kind_of([&] { write_file(folder.path(), "new"); }), ErrorKind::kIo);
  EXPECT_EQ(read_file(file), "old");
}

TEST(WriteFile, WritesThroughLinksAndIntoDevices) {
  const TemporaryFolder folder;
  write_file(folder.path() / "target", "old");
  fs::create_symlink("target", folder.path() / "link");
  write_file(folder.path() / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(read_file(folder.path() / "target"), "new");
  write_file("/dev/null", "gone");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_EQ(kind_of([] { write_file("/dev/full", "no room"); }), ErrorKind::kIo);
}

TEST(ReadFile, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  EXPECT_EQ(kind_of([&] { read_file(folder.path() / "none"); }), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of([&] { read_file(folder.path()); }), ErrorKind::kInvalid);
  write_file(folder.path() / "five", "12345");
  EXPECT_EQ(kind_of([&] { read_file(folder.path() / "five", 4); }), ErrorKind::kInvalid);
  EXPECT_EQ(read_file(folder.path() / "five", 5), "12345");
  EXPECT_EQ(kind_of([] { read_file("/dev/zero", 100); }), ErrorKind::kInvalid);
}

TEST(TemporaryFolder, GoesWithAllItHolds) {
  fs::path path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    write_file(path / "a" / "b", "content");
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(DataFolder, FollowsTheEnvironment) {
  const char* before = std::getenv("ISTHMUS_DATA");
  const std::string kept = before ? before : "";
  ::setenv("ISTHMUS_DATA", "/somewhere", 1);
  EXPECT_EQ(data_folder(), "/somewhere");
  ::unsetenv("ISTHMUS_DATA");
  EXPECT_TRUE(data_folder().string().ends_with("/.cache/isthmus/data"));
  if (before) ::setenv("ISTHMUS_DATA", kept.c_str(), 1);
}

}  // namespace
}  // namespace isthmus
