#include "core/rng.h"

#include <gtest/gtest.h>

#include <cmath>

namespace isthmus {
namespace {

// Known answers: seeds in recipes and results mean the same numbers for ever.
TEST(Rng, GivesTheSameNumbersEverywhere) {
  Rng rng(1);
  EXPECT_EQ(rng.bits(), 2469588189546311528ULL);
  EXPECT_DOUBLE_EQ(rng.uniform(), 0.13640703636619722);
  EXPECT_EQ(rng.below(1000), 451U);
  EXPECT_NEAR(rng.normal(), -0.12210961867974358, 1e-12);
  EXPECT_EQ(mix_seed(0, 0), 0xe220a8397b1dcdafULL);
}

TEST(Rng, StaysInItsRange) {
  Rng rng(2);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double value = rng.uniform(-1, 3);
    ASSERT_GE(value, -1);
    ASSERT_LT(value, 3);
    ASSERT_LT(rng.below(7), 7U);
    sum += value;
  }
  EXPECT_NEAR(sum / 10'000, 1, 0.05);
}

TEST(Rng, NormalHasUnitVariance) {
  Rng rng(3);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double value = rng.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 20'000, 0, 0.03);
  EXPECT_NEAR(squares / 20'000, 1, 0.04);
}

TEST(MixSeed, SeparatesStreams) {
  EXPECT_NE(mix_seed(1, 0), mix_seed(1, 1));
  EXPECT_NE(mix_seed(1, 0), mix_seed(2, 0));
}

}  // namespace
}  // namespace isthmus
