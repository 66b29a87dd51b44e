#include "train/calibrate.h"

#include <gtest/gtest.h>

#include "codec/rans_tables.h"

namespace isthmus {
namespace {

TEST(RangeWithStep, HasZeroOnItsGridAndTheObservedInside) {
  struct Case {
    ValueRange observed;
    double step;
  };
  for (const Case& each :
       {Case{{-3.2F, 5.1F}, 0.5}, Case{{0, 9}, 0.25}, Case{{2, 9}, 0.5}, Case{{-9, -2}, 0.5}}) {
    SCOPED_TRACE(each.observed.min);
    const ValueRange range = range_with_step(each.observed, each.step);
    EXPECT_LE(range.min, each.observed.min);
    EXPECT_GE(range.max, each.observed.max);
    const AffineGrid grid(range);
    EXPECT_NEAR(grid.step(), each.step, 1e-6);
    const auto& values = grid.values();
    EXPECT_NE(std::ranges::find(values, 0.0F), values.end());
  }
}

TEST(RangeWithStep, IsTheObservedWithoutAStep) {
  EXPECT_EQ(range_with_step({-1, 1}, 0), (ValueRange{-1, 1}));
}

TEST(RangeWithStep, TakesALargerStepWhereTheSpanHasOutgrownIt) {
  for (const ValueRange observed :
       {ValueRange{-100, 100}, ValueRange{0, 200}, ValueRange{-99.97F, 0.4F}, ValueRange{30, 31}}) {
    SCOPED_TRACE(observed.min);
    const ValueRange range = range_with_step(observed, 0.1);
    EXPECT_LE(range.min, observed.min);
    EXPECT_GE(range.max, observed.max);
    const AffineGrid grid(range);
    const double reach = std::max(0.0F, observed.max) - std::min(0.0F, observed.min);
    EXPECT_GT(grid.step(), 0.1);
    EXPECT_LT(grid.step(), reach / 253);
    EXPECT_NE(std::ranges::find(grid.values(), 0.0F), grid.values().end());
  }
}

TEST(Calibrated, GivesACodecWhatItNeeds) {
  const std::vector<Tensor> samples = {Tensor::of<float>({1, 2, 1, 2}, {0.0F, 1.0F, 2.0F, 3.0F})};
  EXPECT_EQ(range_of_samples(samples), (ValueRange{0, 3}));
  EXPECT_FALSE(calibrated("f32", {0, 3}, samples).codec.range);
  const CalibratedWire u8 = calibrated("u8", {0, 3}, samples);
  EXPECT_EQ((*u8.codec.range)[1], 3);
  EXPECT_FALSE(u8.table);
  const CalibratedWire rans = calibrated("u8+rans", {0, 3}, samples);
  ASSERT_TRUE(rans.table);
  EXPECT_EQ(rans.codec.table_sha256,
            RansTables::parse(std::as_bytes(std::span(*rans.table))).hash());
}

}  // namespace
}  // namespace isthmus
