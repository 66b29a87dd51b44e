#include "core/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace isthmus {
namespace {

TEST(WilsonInterval, GivesThePublishedValues) {
  const Interval half = wilson_interval(5, 10);
  EXPECT_NEAR(half.low, 0.2366, 1e-4);
  EXPECT_NEAR(half.high, 0.7634, 1e-4);
  const Interval none = wilson_interval(0, 10);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.2775, 1e-4);
}

TEST(WilsonInterval, OfNothingIsEverything) {
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  const std::vector<double> values = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 3.7);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 4);
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

TEST(MeanInterval, IsCentredOnTheMean) {
  const std::vector<double> values = {1, 2, 3, 4, 5};
  EXPECT_DOUBLE_EQ(mean(values), 3);
  const Interval interval = mean_interval(values);
  EXPECT_NEAR(interval.high - 3, 1.96 * std::sqrt(2.5 / 5), 1e-3);
  EXPECT_NEAR(3 - interval.low, interval.high - 3, 1e-12);
}

TEST(MeanInterval, OfOneValueIsThatValue) {
  EXPECT_EQ(mean_interval(std::vector<double>{7}).high, 7);
  EXPECT_TRUE(std::isnan(mean_interval({}).low));
}

}  // namespace
}  // namespace isthmus
