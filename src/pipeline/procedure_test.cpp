#include "pipeline/procedure.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "pipeline/random_pipelines.h"
#include "plan/working_set.h"

namespace isthmus {
namespace {

// A chain of units of given seconds, with messages that cost next to nothing.
PipelineProblem chain(const std::vector<double>& seconds) {
  PipelineProblem problem;
  problem.in_bytes = 100;
  for (std::size_t i = 0; i < seconds.size(); ++i)
    problem.units.push_back({.until = std::string(1, static_cast<char>('a' + i)),
                             .time = Seconds{seconds[i]},
                             .weight_bytes = 10'000'000,
                             .out_bytes = 100});
  return problem;
}

ShardOption channel_split(std::size_t unit, const PipelineProblem& problem, int most) {
  return {.first = unit,
          .last = unit,
          .kind = "channel",
          .most = most,
          .time = {0, problem.units[unit].time.count()},
          .weight_bytes = {0, static_cast<double>(problem.units[unit].weight_bytes)},
          .in_bytes = {100, 0},
          .out_bytes = {0, 100}};
}

std::set<std::string> machines_of(const PipelinePlan& plan) {
  std::set<std::string> machines;
  for (const PipelineStage& stage : plan.stages)
    machines.insert(stage.machines.begin(), stage.machines.end());
  return machines;
}

// Nothing where the machines have too little memory.
template <typename Make>
std::optional<PipelinePlan> plan_if_any(const Make& make) {
  try {
    return make();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported) << error.what();
    return std::nullopt;
  }
}

TEST(Procedure1, SharesALargeLayerInTheCheapestWayWhereverThatBegins) {
  PipelineProblem problem = chain({1, 1, 1});
  problem.replicas = false;
  problem.units[1].weight_bytes = 300'000'000;
  const ShardOption alone = channel_split(1, problem, 4);
  // Sends more, and begins before.
  ShardOption with_the_first = alone;
  with_the_first.first = 0;
  with_the_first.time.scaled = 2;
  with_the_first.weight_bytes.scaled += 10'000'000;
  with_the_first.in_bytes.fixed = 1e6;
  problem.shards = {with_the_first, alone};
  Cluster cluster = boards({1, 1, 1, 1, 1, 1});
  for (Machine& machine : cluster.machines) machine.memory = kRuntimeBytes + 150'000'000;
  const PipelinePlan plan = procedure_1(problem, cluster);
  ASSERT_EQ(plan.stages.size(), 3U);
  EXPECT_EQ(plan.stages[1].mode, StageMode::kShards);
  EXPECT_EQ(plan.stages[1].first, 1U);
}

TEST(Procedure1, SharesALayerThatOnlyTheSourceHolds) {
  PipelineProblem problem = chain({1, 1});
  problem.units[1].weight_bytes = 300'000'000;
  problem.shards.push_back(channel_split(1, problem, 4));
  problem.source_may_run = true;
  Cluster cluster = boards({1, 1, 1, 1});
  for (Machine& machine : cluster.machines)
    if (machine.name != cluster.source) machine.memory = kRuntimeBytes + 150'000'000;
  EXPECT_EQ(procedure_1(problem, cluster).stages.back().mode, StageMode::kShards);
}

TEST(Procedure1, MakesGroupsOfEqualLatency) {
  const PipelineProblem problem = chain({1, 2, 3, 2, 2, 2});
  const PipelinePlan plan = procedure_1(problem, boards({1, 1}));
  ASSERT_EQ(plan.stages.size(), 2U);
  EXPECT_EQ(plan.stages[0].last, 2U);
  EXPECT_NEAR(plan.period.count(), 6, 0.01);
}

TEST(Procedure1, SharesTheLayerThatHoldsUpThePipeline) {
  PipelineProblem problem = chain({1, 3, 1});
  problem.shards.push_back(channel_split(1, problem, 4));
  const PipelinePlan plan = procedure_1(problem, boards({1, 1, 1, 1, 1}));
  ASSERT_EQ(plan.stages.size(), 3U);
  EXPECT_EQ(plan.stages[1].mode, StageMode::kShards);
  EXPECT_EQ(plan.stages[1].machines.size(), 3U);
  EXPECT_NEAR(plan.period.count(), 1, 0.01);
}

TEST(Procedure1, ShardsWhatNoMachineHolds) {
  PipelineProblem problem = chain({1, 1});
  problem.units[1].weight_bytes = 300'000'000;
  problem.shards.push_back(channel_split(1, problem, 4));
  Cluster cluster = boards({1, 1, 1, 1});
  for (Machine& machine : cluster.machines) {
    machine.memory = kRuntimeBytes + 150'000'000;
    // Swapping would be possible, and is avoided.
    machine.swap_bandwidth = 1e9;
  }
  const PipelinePlan plan = procedure_1(problem, cluster);
  EXPECT_EQ(plan.stages.back().mode, StageMode::kShards);
  EXPECT_GE(plan.stages.back().machines.size(), 2U);
  problem.shards.clear();
  for (Machine& machine : cluster.machines) machine.swap_bandwidth = 0;
  EXPECT_THROW(procedure_1(problem, cluster), Error);
}

TEST(Procedure1, IsNeverBetterThanTheSearch) {
  int possible = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const PipelineCase small = random_case(seed, {.units = 12, .machines = 6});
    const auto plan = plan_if_any([&] { return procedure_1(small.problem, small.cluster); });
    if (!plan) continue;
    ++possible;
    EXPECT_LE(plan_pipeline(small.problem, small.cluster, PipelineObjective::kThroughput).period /
                  plan->period,
              1.02);
  }
  EXPECT_GT(possible, 100);
}

TEST(RandomAssignment, UsesEveryMachineOfALongNetwork) {
  const PipelineProblem problem = chain({1, 1, 1, 1, 1, 1, 1, 1});
  const Cluster cluster = boards({1, 1, 1, 1, 1});
  std::set<double> periods;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const PipelinePlan plan = random_assignment(problem, cluster, seed);
    EXPECT_EQ(machines_of(plan).size(), 5U);
    EXPECT_EQ(plan.stages.size(), 5U);
    periods.insert(plan.period.count());
  }
  EXPECT_GT(periods.size(), 1U);
  EXPECT_EQ(random_assignment(problem, cluster, 3).stages[0].machines,
            random_assignment(problem, cluster, 3).stages[0].machines);
}

TEST(RandomAssignment, IsCorrectAndNoBetterThanTheBest) {
  int possible = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const PipelineCase small = random_case(seed, {.units = 12, .machines = 6});
    const auto plan =
        plan_if_any([&] { return random_assignment(small.problem, small.cluster, seed); });
    if (!plan) continue;
    ++possible;
    // What is written in it is what its stages do.
    PipelinePlan bare = *plan;
    bare.period = bare.latency = Seconds{0};
    EXPECT_EQ(plan->period, evaluated(small.problem, small.cluster, bare).period);
    EXPECT_LE(plan_pipeline(small.problem, small.cluster, PipelineObjective::kThroughput).period /
                  plan->period,
              1.02);
  }
  EXPECT_GT(possible, 100);
}

}  // namespace
}  // namespace isthmus
