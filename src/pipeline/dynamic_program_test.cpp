#include <gtest/gtest.h>

#include "pipeline/pipeline.h"
#include "pipeline/random_pipelines.h"

namespace isthmus {
namespace {

void expect_equal_to_brute_force(PipelineCaseOptions options, PipelineObjective objective) {
  int possible = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    const PipelineCase small = random_case(seed, options);
    const auto best = best_of_all(small, {.replicas = false, .shards = false}, objective);
    if (!best) {
      EXPECT_THROW(plan_contiguous(small.problem, small.cluster, objective), Error);
      continue;
    }
    ++possible;
    const PipelinePlan plan = plan_contiguous(small.problem, small.cluster, objective);
    if (objective == PipelineObjective::kThroughput)
      EXPECT_NEAR(plan.period / best->period, 1, 1e-6);
    else
      EXPECT_NEAR(plan.latency / best->latency, 1, 1e-6);
  }
  EXPECT_GT(possible, 75);
}

TEST(PlanContiguous, IsTheFastestOfAllPipelines) {
  expect_equal_to_brute_force({}, PipelineObjective::kThroughput);
  expect_equal_to_brute_force({.unequal = false}, PipelineObjective::kThroughput);
}

TEST(PlanContiguous, IsTheFastestWhereTheSourceMayRun) {
  expect_equal_to_brute_force({.machines = 3, .source_may_run = true},
                              PipelineObjective::kThroughput);
}

TEST(PlanContiguous, HasTheLeastLatencyOfAllPipelines) {
  expect_equal_to_brute_force({}, PipelineObjective::kLatency);
  expect_equal_to_brute_force({.machines = 3, .source_may_run = true}, PipelineObjective::kLatency);
}

}  // namespace
}  // namespace isthmus
