#include "core/mapped_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/file.h"

namespace isthmus {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// Anonymous and shared memory, file pages left out, in kB.
std::int64_t own_memory() {
  std::ifstream status("/proc/self/status");
  std::string line;
  std::int64_t sum = 0;
  while (std::getline(status, line))
    for (const std::string_view field : {"RssAnon:", "RssShmem:"})
      if (line.starts_with(field)) sum += std::stoll(line.substr(field.size()));
  return sum;
}

TEST(MappedFile, IsWhatTheFileHolds) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", std::string_view("some weights"));
  const auto mapped = MappedFile::open(folder.path() / "file");
  EXPECT_EQ(text_of(*mapped), "some weights");
  mapped->release_pages();
  EXPECT_EQ(text_of(*mapped), "some weights");
  write_file(folder.path() / "empty", std::string_view());
  EXPECT_TRUE(MappedFile::open(folder.path() / "empty")->bytes().empty());
  EXPECT_THROW(MappedFile::open(folder.path() / "missing"), Error);
}

TEST(UnnamedFile, OutlivesWhoWroteIt) {
  std::shared_ptr<const MappedFile> mapped;
  {
    UnnamedFile file;
    file.append(bytes_of("some "));
    file.append(bytes_of("weights"));
    mapped = file.map();
  }
  EXPECT_EQ(text_of(*mapped), "some weights");
}

TEST(UnnamedFile, TakesNoMemoryOfTheProcess) {
  constexpr std::size_t kBytes = 64 << 20;
  const std::vector<std::byte> piece(1 << 20, std::byte{7});
  const std::int64_t before = own_memory();
  UnnamedFile file;
  for (std::size_t i = 0; i < kBytes / piece.size(); ++i) file.append(piece);
  const auto mapped = file.map();
  EXPECT_EQ(mapped->bytes().size(), kBytes);
  for (std::size_t i = 0; i < kBytes; i += 4096) ASSERT_EQ(mapped->bytes()[i], std::byte{7});
  EXPECT_LT(own_memory() - before, 16 << 10);
}

}  // namespace
}  // namespace isthmus
