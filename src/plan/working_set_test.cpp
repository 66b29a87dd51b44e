#include "plan/working_set.h"

#include <gtest/gtest.h>

#include <array>

namespace isthmus {
namespace {

constexpr std::int64_t kMegabyte = 1'000'000;
constexpr std::array kParts{PartMemory{60 * kMegabyte, 20 * kMegabyte},
                            PartMemory{30 * kMegabyte, 10 * kMegabyte}};

TEST(WorkingSet, HasAllWeightsAndTheLargestPeakOfEveryCore) {
  EXPECT_EQ(working_set(kParts, 1), kRuntimeBytes + 110 * kMegabyte);
  EXPECT_EQ(working_set(kParts, 2), kRuntimeBytes + 130 * kMegabyte);
  EXPECT_EQ(working_set({}, 1), kRuntimeBytes);
}

TEST(SwapTimes, AreSharedByWhatPartsTake) {
  // 60 MB too much: three seconds at 20 MB a second.
  const Machine board{.memory = kRuntimeBytes + 50 * kMegabyte, .swap_bandwidth = 20e6};
  const std::vector<Seconds> times = swap_times(kParts, board);
  EXPECT_NEAR(times[0].count(), 2, 1e-9);
  EXPECT_NEAR(times[1].count(), 1, 1e-9);
}

TEST(SwapTimes, AreNothingWhereAllFitsOrNothingSwaps) {
  for (const Machine& board :
       {Machine{.memory = kRuntimeBytes + 110 * kMegabyte, .swap_bandwidth = 20e6},
        Machine{.memory = kMegabyte}, Machine{.swap_bandwidth = 20e6}})
    for (const Seconds time : swap_times(kParts, board)) EXPECT_EQ(time.count(), 0);
  EXPECT_TRUE(swap_times({}, Machine{.memory = 1, .swap_bandwidth = 1}).empty());
}

}  // namespace
}  // namespace isthmus
