#include "train/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/error.h"
#include "data/signs.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

std::vector<std::int64_t> first(std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return indices;
}

TEST(ImagePool, HoldsTheImagesAtTheNetworksSize) {
  const auto signs = make_signs(Split::kTrain, 20);
  const Preprocess small{.width = 24, .height = 16, .resize = 0, .normalization = {}};
  const std::vector<std::int64_t> wanted = {3, 17};
  const ImagePool pool(*signs, wanted, small, 2);
  ASSERT_EQ(pool.count(), 2);
  EXPECT_EQ(pool.image_bytes(), 24U * 16 * 3);
  for (std::int64_t i = 0; i < 2; ++i) {
    const Sample sample = signs->get(wanted[static_cast<std::size_t>(i)]);
    const Tensor expected = fit_image(sample.image, small);
    EXPECT_TRUE(std::ranges::equal(pool.image(i), expected.values<std::uint8_t>()));
    EXPECT_EQ(pool.label(i), sample.label);
  }
}

TEST(ImagePool, StopsWhereTheProgressThrows) {
  const auto signs = make_signs(Split::kTrain, 20);
  const Preprocess small{.width = 8, .height = 8, .resize = 0, .normalization = {}};
  const auto stop = [](std::int64_t, std::int64_t) {
    throw Error(ErrorKind::kInterrupted, "interrupted");
  };
  EXPECT_THROW(ImagePool(*signs, first(20), small, 2, stop), Error);
}

TEST(SplitForValidation, KeepsAShareApart) {
  const TrainingSplit split = split_for_validation(50, 0.1, 7);
  EXPECT_EQ(split.validation.size(), 5U);
  std::vector<std::int64_t> all = split.training;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  EXPECT_THAT(all, UnorderedElementsAreArray(first(50)));
  EXPECT_EQ(split_for_validation(50, 0.1, 7).validation, split.validation);
  EXPECT_NE(split_for_validation(50, 0.1, 8).validation, split.validation);
  EXPECT_TRUE(split_for_validation(50, 0, 7).validation.empty());
}

TEST(Shuffled, DependsOnTheSeedAlone) {
  EXPECT_EQ(shuffled(first(100), 3), shuffled(first(100), 3));
  EXPECT_NE(shuffled(first(100), 3), shuffled(first(100), 4));
  EXPECT_THAT(shuffled(first(100), 3), UnorderedElementsAreArray(first(100)));
}

TEST(EpochOrder, ProcessesShareEachBatch) {
  const EpochOrder whole(first(11), 5, 0, 1);
  EXPECT_EQ(whole.batches(), 2);
  EXPECT_THAT(whole.mine(1), ElementsAre(5, 6, 7, 8, 9));
  EXPECT_THAT(EpochOrder(first(11), 5, 0, 2).mine(1), ElementsAre(5, 6));
  EXPECT_THAT(EpochOrder(first(11), 5, 1, 2).mine(1), ElementsAre(7, 8, 9));
}

TEST(EpochOrder, TakesFewImagesAsOneBatch) {
  const EpochOrder order(first(3), 5, 0, 1);
  EXPECT_EQ(order.batches(), 1);
  EXPECT_THAT(order.mine(0), ElementsAre(0, 1, 2));
  EXPECT_THROW(EpochOrder(first(3), 5, 0, 4), Error);
}

}  // namespace
}  // namespace isthmus
