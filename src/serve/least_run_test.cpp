#include "serve/least_run.h"

#include <gtest/gtest.h>

namespace isthmus {
namespace {

TEST(LeastRun, KnowsTheLeastForEachNumberOfFrames) {
  LeastRun runs;
  EXPECT_EQ(runs.of(1), Seconds::max());
  for (const double cpu : {0.022, 0.004, 0.005}) runs.add(1, Seconds{cpu});
  runs.add(8, Seconds{0.03});
  EXPECT_EQ(runs.of(1), Seconds{0.004});
  EXPECT_EQ(runs.of(8), Seconds{0.03});
}

TEST(LeastRun, IsWarmAfterAFewRunsOfThatManyFrames) {
  LeastRun runs;
  for (int i = 0; i < 12; ++i) {
    EXPECT_FALSE(runs.is_warm(1));
    runs.add(1, Seconds{0.01});
  }
  EXPECT_TRUE(runs.is_warm(1));
  EXPECT_FALSE(runs.is_warm(2));
  // Of short ones twelve say little.
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(runs.is_warm(4));
    runs.add(4, Seconds{0.001});
  }
  EXPECT_TRUE(runs.is_warm(4));
  // Long runs waver less.
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(runs.is_warm(3));
    runs.add(3, Seconds{0.3});
  }
  EXPECT_TRUE(runs.is_warm(3));
}

TEST(LeastRun, SettlesAfterMoreRunsThanItGotWarmWith) {
  LeastRun runs;
  for (int i = 0; i < 12; ++i) runs.add(1, Seconds{0.01});
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(runs.is_warm(1));
    EXPECT_FALSE(runs.is_settled(1));
    runs.add(1, Seconds{0.005});
  }
  EXPECT_TRUE(runs.is_settled(1));
  EXPECT_EQ(runs.of(1), Seconds{0.005});
}

}  // namespace
}  // namespace isthmus
