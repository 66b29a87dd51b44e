#include "data/fetch.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "data/program.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

// An archive on this machine, fetched by its file:// address.
class FetchArchive : public testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_.path() / "top/test.bin", "content");
    const fs::path archive = folder_.path() / "a.tar.gz";
    try {
      run_program({"curl", "--version"});
      run_program({"tar", "-czf", archive.string(), "-C", folder_.path().string(), "top"});
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    download_ = {.name = "a",
                 .url = "file://" + archive.string(),
                 .sha256 = sha256(read_file(archive)),
                 .bytes = static_cast<std::int64_t>(fs::file_size(archive))};
  }

  ErrorKind failure() {
    try {
      fetch_archive(download_, folder_.path() / "new/set", {});
    } catch (const Error& error) {
      return error.kind();
    }
    ADD_FAILURE() << "no error";
    return ErrorKind::kIo;
  }

  TemporaryFolder folder_;
  Download download_;
};

TEST_F(FetchArchive, LeavesTheContentAndNothingElse) {
  std::int64_t total = 0;
  fetch_archive(download_, folder_.path() / "new/set",
                [&](std::int64_t, std::int64_t bytes) { total = bytes; });
  EXPECT_EQ(read_file(folder_.path() / "new/set/test.bin"), "content");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path() / "new"), {}), 1);
  EXPECT_EQ(total, download_.bytes);
}

TEST_F(FetchArchive, RefusesAWrongChecksum) {
  download_.sha256 = std::string(64, '0');
  EXPECT_EQ(failure(), ErrorKind::kInvalid);
  EXPECT_FALSE(fs::exists(folder_.path() / "new/set"));
}

TEST_F(FetchArchive, SaysWhenThereIsNothingToBeHad) {
  download_.url = "file:///nowhere/a.tar.gz";
  EXPECT_EQ(failure(), ErrorKind::kUnavailable);
}

TEST(FetchDataset, KnowsItsNames) {
  try {
    fetch_dataset("cifra10", {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "no download is known for cifra10 (did you mean cifar10?); there are: caltech101, "
                 "cifar10, cifar100");
  }
}

}  // namespace
}  // namespace isthmus
