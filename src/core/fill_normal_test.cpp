#include "core/fill_normal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace isthmus {
namespace {

double moment(const std::vector<float>& values, int order) {
  double sum = 0;
  for (const float value : values) sum += std::pow(value, order);
  return sum / static_cast<double>(values.size());
}

TEST(FillNormal, HasTheMomentsOfANormalDistribution) {
  std::vector<float> values(1 << 18);
  fill_normal(values, 0.5, 7);
  EXPECT_NEAR(moment(values, 1), 0, 0.005);
  EXPECT_NEAR(moment(values, 2), 0.25, 0.002);
  // A normal distribution has 3; four uniform numbers have 2.7.
  EXPECT_NEAR(moment(values, 4) / 0.0625, 2.7, 0.05);
}

TEST(FillNormal, IsTheSameForEqualSeedsOnly) {
  std::vector<float> a(100), b(100), c(100);
  fill_normal(a, 1, 1);
  fill_normal(b, 1, 1);
  fill_normal(c, 1, 2);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

// Golden: the numbers are part of what a seed means.
TEST(FillNormal, KeepsItsNumbers) {
  std::vector<float> values(3);
  fill_normal(values, 1, 1);
  EXPECT_FLOAT_EQ(values[0], -0.617513537F);
  EXPECT_FLOAT_EQ(values[1], 1.07246232F);
  EXPECT_FLOAT_EQ(values[2], 1.59723651F);
}

}  // namespace
}  // namespace isthmus
