#include "report/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace isthmus {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

TEST(Axis, PlacesValuesLinearly) {
  const Axis axis{.low = 10, .high = 20, .begin = 100, .end = 0};
  EXPECT_DOUBLE_EQ(axis.at(10), 100);
  EXPECT_DOUBLE_EQ(axis.at(15), 50);
}

TEST(Axis, PlacesEqualRatiosEquallyFarApartOnALogScale) {
  const Axis axis{.scale = Scale::kLog, .low = 1, .high = 100, .begin = 0, .end = 2};
  EXPECT_DOUBLE_EQ(axis.at(10), 1);
  EXPECT_DOUBLE_EQ(axis.at(0), 0) << "there is no zero: drawn at the edge";
}

TEST(Axis, HasRoundTicks) {
  EXPECT_THAT(ticks({.low = 0, .high = 0.35}, 4),
              Pointwise(DoubleNear(1e-12), {0.0, 0.1, 0.2, 0.3}));
  EXPECT_THAT(ticks({.scale = Scale::kLog, .low = 1, .high = 1e4}, 4),
              Pointwise(DoubleNear(1e-9), {1.0, 10.0, 100.0, 1000.0, 10000.0}));
  EXPECT_THAT(ticks({.scale = Scale::kLog, .low = 20, .high = 200}, 4),
              Pointwise(DoubleNear(1e-9), {20.0, 50.0, 100.0, 200.0}));
}

TEST(Axis, CoversItsValuesWithRoundEnds) {
  struct Case {
    std::vector<double> values;
    Scale scale;
    Origin origin;
  };
  for (const Case& c : {Case{{3, 97}, Scale::kLinear, Origin::kZero},
                        {{0.71, 0.94}, Scale::kLinear, Origin::kData},
                        {{5, 5}, Scale::kLinear, Origin::kData},
                        {{0, 0}, Scale::kLinear, Origin::kZero},
                        {{-3, -1}, Scale::kLinear, Origin::kData},
                        {{0.03, 12}, Scale::kLog, Origin::kData},
                        {{7, 7}, Scale::kLog, Origin::kData},
                        {{0, NAN, 4}, Scale::kLog, Origin::kData},
                        {{}, Scale::kLog, Origin::kData},
                        {{}, Scale::kLinear, Origin::kData}}) {
    SCOPED_TRACE(::testing::PrintToString(c.values));
    const Axis axis = axis_for(c.values, c.scale, c.origin);
    EXPECT_LT(axis.low, axis.high);
    EXPECT_TRUE(c.scale == Scale::kLinear || axis.low > 0);
    for (const double value : c.values) {
      if (!std::isfinite(value) || (c.scale == Scale::kLog && value <= 0)) continue;
      EXPECT_LE(axis.low, value);
      EXPECT_GE(axis.high, value);
    }
    EXPECT_FALSE(ticks(axis, 4).empty());
  }
}

TEST(TickLabel, HasNoEmptyDigits) {
  EXPECT_EQ(tick_label(10, NumberFormat::kMilliseconds), "10 ms");
  EXPECT_EQ(tick_label(1500, NumberFormat::kMilliseconds), "1.5 s");
  EXPECT_EQ(tick_label(0.92, NumberFormat::kPercent), "92 %");
  EXPECT_EQ(tick_label(100, NumberFormat::kPlain), "100");
}

}  // namespace
}  // namespace isthmus
