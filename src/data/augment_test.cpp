#include "data/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "core/error.h"

namespace isthmus {
namespace {

using Pixels = std::vector<std::uint8_t>;

// Every pixel tells where it came from: row + 1, column + 1, and both.
Pixels numbered(int height, int width) {
  Pixels pixels;
  for (int y = 1; y <= height; ++y)
    for (int x = 1; x <= width; ++x)
      for (const int value : {y, x, y + x}) pixels.push_back(static_cast<std::uint8_t>(value));
  return pixels;
}

Pixels augmented(const Pixels& pixels, int side, const Augmentation& how, std::uint64_t seed,
                 int out_side) {
  Pixels out(static_cast<std::size_t>(out_side * out_side * 3), 77);
  augment({pixels.data(), side, side}, how, seed, out_side, out_side, out);
  return out;
}

int at(const Pixels& pixels, int side, int y, int x, int channel) {
  return pixels[static_cast<std::size_t>((y * side + x) * 3 + channel)];
}

TEST(Augment, WithoutOptionsChangesNothing) {
  const Pixels image = numbered(5, 5);
  EXPECT_EQ(augmented(image, 5, {}, 1, 5), image);
  EXPECT_FALSE(Augmentation{}.changes());
}

TEST(Augment, DependsOnSeedEpochAndIndexAlone) {
  const Pixels image = numbered(16, 16);
  const Augmentation how{.padding = 4, .flip = true};
  const auto variant = [&](std::uint64_t seed, std::int64_t epoch, std::int64_t index) {
    return augmented(image, 16, how, augmentation_seed(seed, epoch, index), 16);
  };
  EXPECT_EQ(variant(1, 2, 3), variant(1, 2, 3));
  EXPECT_NE(variant(1, 2, 3), variant(1, 2, 4));
  EXPECT_NE(variant(1, 2, 3), variant(1, 3, 3));
  EXPECT_NE(variant(1, 2, 3), variant(2, 2, 3));
  EXPECT_NE(augmentation_seed(1, 2, 3), augmentation_seed(1, 3, 2));
}

// Each crop is a window of the padded image; all places of it come up.
TEST(Augment, CropsAtEveryPlaceOfThePaddedImage) {
  constexpr int kSide = 6, kPadding = 2;
  const Pixels image = numbered(kSide, kSide);
  std::set<std::pair<int, int>> places;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Pixels out = augmented(image, kSide, {.padding = kPadding}, seed, kSide);
    // The middle is never padding.
    const int top = at(out, kSide, 3, 3, 0) - 4, left = at(out, kSide, 3, 3, 1) - 4;
    places.insert({top, left});
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        const bool inside = y + top >= 0 && y + top < kSide && x + left >= 0 && x + left < kSide;
        ASSERT_EQ(at(out, kSide, y, x, 0), inside ? y + top + 1 : 0) << seed;
        ASSERT_EQ(at(out, kSide, y, x, 1), inside ? x + left + 1 : 0) << seed;
      }
  }
  EXPECT_EQ(places.size(), 25U);
}

TEST(Augment, MirrorsTheImageAtItsBorderWhenTold) {
  constexpr int kSide = 6;
  const Pixels image = numbered(kSide, kSide);
  const auto mirrored = [](int place) {
    if (place < 0) return -place;
    return place < kSide ? place : 2 * (kSide - 1) - place;
  };
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Pixels out =
        augmented(image, kSide, {.padding = 2, .border = Border::kReflect}, seed, kSide);
    const int top = at(out, kSide, 3, 3, 0) - 4, left = at(out, kSide, 3, 3, 1) - 4;
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        ASSERT_EQ(at(out, kSide, y, x, 0), mirrored(y + top) + 1) << seed;
        ASSERT_EQ(at(out, kSide, y, x, 1), mirrored(x + left) + 1) << seed;
      }
  }
}

TEST(Augment, FlipsHalfOfTheImages) {
  for (const int side : {4, 5}) {
    SCOPED_TRACE(side);
    const Pixels image = numbered(side, side);
    int flipped = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      const Pixels out = augmented(image, side, {.flip = true}, seed, side);
      if (out == image) continue;
      ++flipped;
      for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
          ASSERT_EQ(at(out, side, y, x, 2), at(image, side, y, side - 1 - x, 2));
    }
    EXPECT_NEAR(flipped, 200, 40);
  }
}

TEST(Augment, CutsASmallerImageOutOfALargerOne) {
  const Pixels image = numbered(9, 9);
  std::set<int> rows;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Pixels out = augmented(image, 9, {}, seed, 5);
    rows.insert(at(out, 5, 0, 0, 0));
    EXPECT_EQ(at(out, 5, 4, 4, 0), at(out, 5, 0, 0, 0) + 4);
  }
  EXPECT_EQ(rows, (std::set<int>{1, 2, 3, 4, 5}));
}

// The range of rows that is seen stays within the shares of area and the ratios of sides.
TEST(Augment, ResizesRandomRectangles) {
  constexpr int kSide = 200, kOut = 100;
  const Pixels image = numbered(kSide, kSide);
  double least = kSide, most = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Pixels out = augmented(image, kSide, {.least_area = 0.25}, seed, kOut);
    const double rows = at(out, kOut, kOut - 1, 0, 0) - at(out, kOut, 0, 0, 0);
    const double columns = at(out, kOut, 0, kOut - 1, 1) - at(out, kOut, 0, 0, 1);
    EXPECT_GT(columns / rows, 0.70);
    EXPECT_LT(columns / rows, 1.45);
    least = std::min(least, rows);
    most = std::max(most, rows);
    for (int y = 1; y < kOut; ++y) ASSERT_GE(at(out, kOut, y, 5, 0), at(out, kOut, y - 1, 5, 0));
  }
  EXPECT_NEAR(least, 0.45 * kSide, 0.04 * kSide);
  EXPECT_GT(most, 0.92 * kSide);
}

TEST(Augment, KeepsAnImageWhoseWholeAreaIsTaken) {
  const Pixels image = numbered(8, 8);
  // 3:4 and 4:3 do not fit at full area, so nearly always the whole is left.
  int whole = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    whole += augmented(image, 8, {.least_area = 1}, seed, 8) == image;
  EXPECT_GT(whole, 15);
}

TEST(Augment, RefusesWhatDoesNotFit) {
  const Pixels image = numbered(8, 8);
  EXPECT_THROW(augmented(image, 8, {.padding = 1}, 1, 11), Error);
  EXPECT_THROW(augmented(image, 8, {.padding = -1}, 1, 8), Error);
  EXPECT_THROW(augmented(image, 8, {.padding = 8, .border = Border::kReflect}, 1, 8), Error);
  EXPECT_THROW(augmented(image, 8, {.least_area = 1.5}, 1, 8), Error);
}

}  // namespace
}  // namespace isthmus
