#include "pipeline/procedure.h"

#include <gtest/gtest.h>

#include <set>

#include "pipeline/random_pipelines.h"

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
    machine.memory = 200'000'000;
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
    try {
      const PipelinePlan plan = procedure_1(small.problem, small.cluster);
      ++possible;
      EXPECT_LE(plan_pipeline(small.problem, small.cluster, PipelineObjective::kThroughput).period /
                    plan.period,
                1.02);
    } catch (const Error&) {
      // Too little memory.
    }
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
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const PipelineCase small = random_case(seed, {.units = 12, .machines = 6});
    try {
      const PipelinePlan plan = random_assignment(small.problem, small.cluster, seed);
      EXPECT_EQ(plan.period, evaluated(small.problem, small.cluster, plan).period);
      EXPECT_LE(plan_pipeline(small.problem, small.cluster, PipelineObjective::kThroughput).period /
                    plan.period,
                1.02);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    }
  }
}

std::vector<std::vector<Seconds>> as_predicted(const PipelineCase& small,
                                               const PipelinePlan& plan) {
  std::vector<std::vector<Seconds>> measured;
  for (const PipelineStage& stage : plan.stages) {
    double seconds = 0;
    for (std::size_t i = stage.first; i <= stage.last; ++i)
      seconds += small.problem.units[i].time.count();
    measured.emplace_back();
    for (const std::string& name : stage.machines)
      measured.back().push_back(Seconds{seconds * small.cluster.machine(name).slowdown});
  }
  return measured;
}

TEST(Rebalance, KeepsThePlanThatDoesWhatWasPredicted) {
  const PipelineCase small{chain({1, 2, 3, 2, 2, 2}), boards({1, 1, 2})};
  PipelineProblem problem = small.problem;
  problem.replicas = false;
  const PipelinePlan plan = plan_pipeline(problem, small.cluster, PipelineObjective::kThroughput);
  const PipelinePlan same = rebalance(problem, small.cluster, plan, as_predicted(small, plan),
                                      PipelineObjective::kThroughput);
  ASSERT_EQ(same.stages.size(), plan.stages.size());
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    EXPECT_EQ(same.stages[s].machines, plan.stages[s].machines);
  EXPECT_EQ(same.why[0].substr(0, 5), "kept:");
}

TEST(Rebalance, MovesLayersAwayFromASlowMachine) {
  PipelineCase small{chain({1, 1, 1, 1, 1, 1, 1, 1}), boards({1, 1})};
  small.problem.replicas = false;
  const PipelinePlan plan =
      plan_pipeline(small.problem, small.cluster, PipelineObjective::kThroughput);
  auto measured = as_predicted(small, plan);
  measured[0][0] *= 3;
  const PipelinePlan better = rebalance(small.problem, small.cluster, plan, measured,
                                        PipelineObjective::kThroughput, Blame::kMachines);
  EXPECT_NEAR(better.period.count(), 6, 0.01);
  for (const PipelineStage& stage : better.stages)
    EXPECT_EQ(stage.last - stage.first + 1,
              stage.machines[0] == plan.stages[0].machines[0] ? 2U : 6U);
}

TEST(Rebalance, LearnsThatLayersAreHeavier) {
  PipelineCase small{chain({1, 1, 1, 1, 1, 1, 1, 1}), boards({1, 1})};
  small.problem.replicas = false;
  const PipelinePlan plan =
      plan_pipeline(small.problem, small.cluster, PipelineObjective::kThroughput);
  auto measured = as_predicted(small, plan);
  measured[0][0] *= 3;
  const MeasuredPipeline now =
      measured_pipeline(small.problem, small.cluster, plan, measured, Blame::kLayers);
  EXPECT_DOUBLE_EQ(now.problem.units[0].time.count(), 3);
  EXPECT_DOUBLE_EQ(now.problem.units[7].time.count(), 1);
  const PipelinePlan better =
      rebalance(small.problem, small.cluster, plan, measured, PipelineObjective::kThroughput);
  EXPECT_NEAR(better.period.count(), 9, 0.01);
  // Each machine keeps its end of the network.
  EXPECT_EQ(better.stages[0].machines, plan.stages[0].machines);
}

}  // namespace
}  // namespace isthmus
