#include <gtest/gtest.h>

#include "plan/pipeline.h"
#include "plan/random_pipelines.h"

namespace isthmus {
namespace {

// How far behind the best of all plans it is, at most.
double expect_near_brute_force(PipelineCaseOptions options, PipelineObjective objective,
                               EnumerationOptions all, std::uint64_t seeds) {
  double worst = 0;
  int possible = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    const PipelineCase small = random_case(seed, options);
    const auto best = best_of_all(small, all, objective);
    if (!best) {
      EXPECT_THROW(plan_pipeline(small.problem, small.cluster, objective), Error);
      continue;
    }
    ++possible;
    const PipelinePlan plan = plan_pipeline(small.problem, small.cluster, objective);
    const double behind = objective == PipelineObjective::kThroughput
                              ? plan.period / best->period - 1
                              : plan.latency / best->latency - 1;
    EXPECT_LE(behind, 0.02);
    worst = std::max(worst, behind);
  }
  EXPECT_GT(possible, static_cast<int>(seeds) / 2);
  return worst;
}

TEST(PlanPipeline, IsWithinTwoPercentOfTheHighestThroughput) {
  double worst = expect_near_brute_force({}, PipelineObjective::kThroughput, {}, 60);
  worst = std::max(
      worst, expect_near_brute_force({.unequal = false}, PipelineObjective::kThroughput, {}, 60));
  RecordProperty("worst", std::to_string(worst));
}

TEST(PlanPipeline, IsWithinTwoPercentOfTheLeastLatency) {
  expect_near_brute_force({.units = 3, .machines = 3}, PipelineObjective::kLatency,
                          {.replicas = false, .reuse = true}, 60);
}

}  // namespace
}  // namespace isthmus
