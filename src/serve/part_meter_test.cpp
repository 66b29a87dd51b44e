#include "serve/part_meter.h"

#include <gtest/gtest.h>

namespace isthmus {
namespace {

TEST(PartMeter, KnowsNothingBeforeTheFirstRun) {
  const PartStatistics part = PartMeter().statistics();
  EXPECT_EQ(part.runs, 0);
  EXPECT_EQ(part.busy, Seconds{0});
}

TEST(PartMeter, HasTheQuantilesOfTheLastRuns) {
  PartMeter meter;
  for (int i = 0; i < 50; ++i) meter.ran(Seconds{100}, Seconds{100});
  for (std::size_t i = 0; i < kRememberedRuns; ++i)
    meter.ran(Seconds{static_cast<double>(i)}, Seconds{static_cast<double>(i) + 1});
  const PartStatistics part = meter.statistics();
  EXPECT_EQ(part.runs, 50 + static_cast<std::int64_t>(kRememberedRuns));
  EXPECT_NEAR(part.mean.count(), 63.5, 1e-9);
  EXPECT_NEAR(part.p50.count(), 63.5, 1e-9);
  EXPECT_NEAR(part.p95.count(), 0.95 * 127, 1e-9);
  EXPECT_NEAR(part.busy.count(), 64.5, 1e-9);
}

TEST(PartMeter, CountsHowManyFramesWaited) {
  PartMeter meter;
  for (const std::size_t waiting : {0, 0, 3, 16, 1000}) meter.arrived(waiting);
  const auto waiting = meter.statistics().waiting;
  EXPECT_EQ(waiting[0], 2);
  EXPECT_EQ(waiting[3], 1);
  EXPECT_EQ(waiting.back(), 2);
}

}  // namespace
}  // namespace isthmus
