#include "pipeline/forced_shards.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/random_pipelines.h"
#include "plan/working_set.h"

namespace isthmus {
namespace {

// Three units, of which no board holds the second, and every way to share one or two of them.
PipelineProblem large_in_the_middle() {
  PipelineProblem problem;
  problem.in_bytes = 100;
  for (const char* until : {"a", "b", "c"})
    problem.units.push_back(
        {.until = until, .time = Seconds{1}, .weight_bytes = 10'000'000, .out_bytes = 100});
  problem.units[1].weight_bytes = 300'000'000;
  for (std::size_t first = 0; first < 3; ++first)
    for (std::size_t last = first; last < std::min<std::size_t>(first + 2, 3); ++last)
      problem.shards.push_back({.first = first, .last = last, .kind = "channel", .most = 4});
  return problem;
}

TEST(WithForcedShardsOnly, KeepsTheWaysToShareWhatNoMachineHolds) {
  const PipelineProblem problem = large_in_the_middle();
  Cluster cluster = boards({1, 1, 1});
  EXPECT_TRUE(with_forced_shards_only(problem, cluster).shards.empty());
  for (Machine& machine : cluster.machines) machine.memory = kRuntimeBytes + 150'000'000;
  const auto covers_the_second = [](const ShardOption& option) {
    return option.first <= 1 && option.last >= 1;
  };
  EXPECT_EQ(std::ranges::count_if(problem.shards, covers_the_second), 3);
  const PipelineProblem forced = with_forced_shards_only(problem, cluster);
  EXPECT_EQ(forced.shards.size(), 3U);
  EXPECT_TRUE(std::ranges::all_of(forced.shards, covers_the_second));
  EXPECT_EQ(forced.units.size(), problem.units.size());
}

}  // namespace
}  // namespace isthmus
