#include <gtest/gtest.h>

#include "pipeline/pipeline.h"
#include "pipeline/random_pipelines.h"

namespace isthmus {
namespace {

struct Comparison {
  PipelineCaseOptions cases;
  EnumerationOptions all;
  PipelineObjective objective = PipelineObjective::kThroughput;
  // Without, the search is on its own: nothing looks at all plans.
  bool several_stages = true;
  std::uint64_t seeds = 60;
  // Of these, at least.
  int possible = 30;
};

// The plan found is at most 2 % behind the best of all, and there is one if there is any.
void expect_near_brute_force(const Comparison& comparison) {
  int possible = 0;
  for (std::uint64_t seed = 0; seed < comparison.seeds; ++seed) {
    SCOPED_TRACE(seed);
    PipelineCase small = random_case(seed, comparison.cases);
    small.problem.replicas = comparison.all.replicas;
    small.problem.several_stages = comparison.several_stages;
    const auto best = best_of_all(small, comparison.all, comparison.objective);
    if (!best) {
      // Then there is at most one with a machine in several stages.
      try {
        const auto plan = plan_pipeline(small.problem, small.cluster, comparison.objective);
        EXPECT_TRUE(!comparison.all.reuse && serves_twice(plan)) << plan.bound;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      }
      continue;
    }
    ++possible;
    try {
      const auto plan = plan_pipeline(small.problem, small.cluster, comparison.objective);
      const double ratio = comparison.objective == PipelineObjective::kThroughput
                               ? plan.period / best->period
                               : plan.latency / best->latency;
      EXPECT_LE(ratio, 1.02);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  EXPECT_GE(possible, comparison.possible);
}

TEST(PlanPipeline, IsWithinTwoPercentOfTheHighestThroughput) {
  expect_near_brute_force({});
  expect_near_brute_force({.cases = {.unequal = false}});
  expect_near_brute_force({.all = {.replicas = false}});
}

TEST(PlanPipeline, IsWithinTwoPercentWhereAMachineHasOneStage) {
  expect_near_brute_force({.several_stages = false});
  expect_near_brute_force({.cases = {.unequal = false}, .several_stages = false});
  expect_near_brute_force({.all = {.replicas = false}, .several_stages = false});
  expect_near_brute_force({.cases = {.most_weight_bytes = 300e6}, .several_stages = false});
}

TEST(PlanPipeline, IsWithinTwoPercentWhereTheSourceMayRun) {
  expect_near_brute_force({.cases = {.machines = 3, .source_may_run = true}});
}

TEST(PlanPipeline, IsWithinTwoPercentWhereMemoryIsTight) {
  expect_near_brute_force({.cases = {.most_weight_bytes = 300e6}});
  expect_near_brute_force({.cases = {.unequal = false, .most_weight_bytes = 300e6}});
}

TEST(PlanPipeline, IsWithinTwoPercentWhereLinksAreMissing) {
  expect_near_brute_force({.cases = {.missing_links = 0.3}, .possible = 20});
}

TEST(PlanPipeline, GivesAMachineOneStageWhereItMayNotHaveMore) {
  int possible = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    PipelineCase small = random_case(seed, {.units = 4, .machines = 3});
    small.problem.several_stages = false;
    try {
      const auto plan = plan_pipeline(small.problem, small.cluster, PipelineObjective::kThroughput);
      EXPECT_FALSE(serves_twice(plan)) << seed;
      ++possible;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    }
  }
  EXPECT_GT(possible, 30);
}

TEST(PlanPipeline, IsWithinTwoPercentWhereMachinesMayServeSeveralStages) {
  const EnumerationOptions all{.reuse = true};
  expect_near_brute_force({.cases = {.units = 4, .machines = 3}, .all = all});
  expect_near_brute_force(
      {.cases = {.units = 4, .machines = 3, .most_weight_bytes = 300e6}, .all = all});
  expect_near_brute_force(
      {.cases = {.units = 4, .machines = 3, .missing_links = 0.3}, .all = all, .possible = 20});
}

// A search over groups of units; the pipelines of single boards are found exactly.
TEST(PlanPipeline, IsNoSlowerThanTheBestPipelineOfALongNetworkOnBoardsThatDiffer) {
  int tried = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    PipelineCase large = random_case(seed, {.units = 60, .machines = 8, .memory = false});
    if (large.problem.units.size() < 30) continue;
    for (const bool replicas : {false, true}) {
      large.problem.replicas = replicas;
      EXPECT_LE(
          plan_pipeline(large.problem, large.cluster, PipelineObjective::kThroughput).period /
              plan_contiguous(large.problem, large.cluster, PipelineObjective::kThroughput).period,
          1.02);
      ++tried;
    }
  }
  EXPECT_GT(tried, 20);
}

TEST(PlanPipeline, IsWithinTwoPercentOfTheLeastLatency) {
  const EnumerationOptions all{.replicas = false, .reuse = true};
  constexpr auto kLatency = PipelineObjective::kLatency;
  expect_near_brute_force(
      {.cases = {.units = 3, .machines = 3}, .all = all, .objective = kLatency});
  expect_near_brute_force({.cases = {.units = 3, .machines = 3, .most_weight_bytes = 300e6},
                           .all = all,
                           .objective = kLatency});
  expect_near_brute_force({.cases = {.units = 3, .machines = 3, .missing_links = 0.3},
                           .all = all,
                           .objective = kLatency,
                           .possible = 20});
}

}  // namespace
}  // namespace isthmus
