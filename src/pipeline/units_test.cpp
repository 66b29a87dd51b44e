#include "pipeline/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/small_network.h"
#include "pipeline/spread.h"

namespace isthmus {
namespace {

PipelineProblem small_problem(const Graph& graph, const UnitOptions& options) {
  const auto units = pipeline_units(graph);
  const std::vector<MeasuredUnit> measured(
      units.size(), {.part = {.median = Seconds{1e-3}, .weight_bytes = 1}, .codec = {}});
  return pipeline_problem(graph, units, measured, options);
}

TEST(PipelineUnits, GroupLightLayersWithTheOneBefore) {
  EXPECT_THAT(pipeline_units(small_network()),
              testing::ElementsAre("Relu_0", "pool2", "relu3", "fc.relu", "logits"));
}

TEST(PipelineProblem, NoShardIsFreeWhereRatesSayNothingOfTheWork) {
  const PipelineProblem problem =
      small_problem(small_network(), {.machines = 4, .seconds_per_work = {}});
  EXPECT_FALSE(problem.shards.empty());
  for (const ShardOption& option : problem.shards)
    EXPECT_GT(option.time.at(0.5), 1e-4) << option.kind << ' ' << option.first;
}

TEST(UnitsHeld, AreThoseOfThePipelineThatThePlanWasMadeOf) {
  const Graph graph = small_network();
  const PipelineProblem problem = small_problem(graph, {.machines = 4});
  const auto option = std::ranges::find_if(problem.shards, [](const ShardOption& each) {
    return each.first == 1 && each.last == 2 && each.kind == "spatial";
  });
  ASSERT_NE(option, problem.shards.end());
  PipelinePlan pipeline;
  pipeline.stages = {{.first = 0,
                      .last = 0,
                      .mode = StageMode::kReplicas,
                      .machines = {"pi1", "pi2"},
                      .shares = {0.5, 0.5}},
                     {.first = 1,
                      .last = 2,
                      .mode = StageMode::kShards,
                      .option = static_cast<std::size_t>(option - problem.shards.begin()),
                      .machines = {"pi2", "pi3"},
                      .shares = {0.5, 0.5}},
                     {.first = 3, .last = 4, .machines = {"pi4"}, .shares = {1}}};
  const LoadedPlan plan =
      spread_plan(graph, problem, pipeline, "small",
                  {.input = {.width = 32, .height = 32, .tensor = "input", .shape = {1, 3, 32, 32}},
                   .source = "camera"});
  EXPECT_EQ(stage_part(pipeline, 1, 1), "stage2.shard2");
  EXPECT_NE(plan.plan.find(stage_part(pipeline, 1, 1)), nullptr);
  EXPECT_NE(plan.plan.find(stage_part(pipeline, 0, 1)), nullptr);
  EXPECT_EQ(units_held(plan.plan, pipeline_units(graph)),
            (UnitsOfMachines{{"pi1", {0}}, {"pi2", {0, 1, 2}}, {"pi3", {1, 2}}, {"pi4", {3, 4}}}));
  EXPECT_TRUE(units_held(plan.plan, {"other", "logits"}).empty());
}

}  // namespace
}  // namespace isthmus
