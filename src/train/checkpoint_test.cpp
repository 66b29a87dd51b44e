#include "train/checkpoint.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"

namespace isthmus {
namespace {

class CheckpointFile : public testing::Test {
 protected:
  std::filesystem::path file() const { return folder_.path() / "checkpoint.bin"; }
  static Checkpoint sample() {
    return {.state = {{"epoch", 3}}, .network = std::string("net\0work", 8), .optimizer = "adam"};
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(CheckpointFile, ComesBackAsItWas) {
  write_checkpoint(file(), sample());
  const auto read = read_checkpoint(file());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->state, sample().state);
  EXPECT_EQ(read->network, sample().network);
  EXPECT_EQ(read->optimizer, sample().optimizer);
}

TEST_F(CheckpointFile, IsNothingWhereThereIsNone) { EXPECT_FALSE(read_checkpoint(file())); }

TEST_F(CheckpointFile, IsRefusedWhenDamaged) {
  write_checkpoint(file(), sample());
  const std::string whole = read_file(file());
  std::string flipped = whole;
  flipped.back() ^= 1;
  for (const std::string& damaged : {flipped, whole.substr(0, whole.size() - 1),
                                     whole.substr(0, 30), std::string("x"), std::string()}) {
    SCOPED_TRACE(damaged.size());
    write_file(file(), damaged);
    EXPECT_THROW(read_checkpoint(file()), Error);
  }
}

}  // namespace
}  // namespace isthmus
