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

// The last convolution can be cut in regions, and what is left of it after the pooling is small.
TEST(PipelineUnits, EndBeforeAndBehindAPoolingOfAllOfSpace) {
  struct Pooling {
    const char* op;
    Attributes attributes;
  };
  for (const Pooling& pooling :
       {Pooling{"GlobalAveragePool", {}}, Pooling{"GlobalMaxPool", {}},
        Pooling{"AveragePool", {{"kernel_shape", Shape{16, 16}}}},
        Pooling{"ReduceMean", {{"axes", Shape{2, 3}}}},
        Pooling{"ReduceMean", {{"axes", Shape{2, 3}}, {"keepdims", std::int64_t{0}}}}}) {
    SCOPED_TRACE(pooling.op);
    GraphBuilder net("pooled");
    const std::string x = net.input("input", {-1, 8, 16, 16});
    const std::string y = net.relu(net.conv(x, 16, {.kernel = {3}, .pad = {1}}), "y");
    const std::string pooled = net.op(pooling.op, {y}, pooling.attributes, "pooled");
    net.output(net.gemm(net.flatten(pooled), 10, "logits"));
    const Graph graph = net.build();
    EXPECT_THAT(pipeline_units(graph), testing::ElementsAre("y", "pooled", "logits"));
    const PipelineProblem problem = small_problem(graph, {.machines = 4});
    const auto has_option = [&](const char* kind, std::size_t first, std::size_t last) {
      return std::ranges::any_of(problem.shards, [&](const ShardOption& each) {
        return each.kind == kind && each.first == first && each.last == last;
      });
    };
    EXPECT_TRUE(has_option("spatial", 0, 0));
    EXPECT_TRUE(has_option("input", 0, 2)) << "the dense layer is fed by the convolution";
  }
}

// What is scaled by what is pooled of it is one piece with it.
TEST(PipelineUnits, DoNotEndBeforeAPoolingWithAShortcut) {
  GraphBuilder net("squeeze");
  const std::string x = net.input("input", {-1, 8, 16, 16});
  const std::string y = net.relu(net.conv(x, 16, {.kernel = {3}, .pad = {1}}), "y");
  const std::string scale = net.op("Sigmoid", {net.global_average_pool(y)});
  const std::string scaled = net.op("Mul", {y, scale}, {}, "scaled");
  net.output(net.conv(scaled, 4, {.kernel = {1}, .name = "out"}));
  EXPECT_THAT(pipeline_units(net.build()), testing::ElementsAre("scaled", "out"));
}

// A cheap layer in front of a dear one, as VGG16's first.
TEST(PipelineProblem, LetsFusedTilesBeginAtACheapLayer) {
  GraphBuilder net("cheap");
  const std::string x = net.input("input", {-1, 3, 32, 32});
  const std::string a = net.relu(net.conv(x, 16, {.kernel = {3}, .pad = {1}}), "a");
  net.output(net.relu(net.conv(a, 16, {.kernel = {3}, .pad = {1}}), "y"));
  const Graph graph = net.build();
  const std::vector<std::string> units = {"a", "y"};
  std::vector<MeasuredUnit> measured(
      2, {.part = {.median = Seconds{1e-5}, .weight_bytes = 1}, .codec = {}});
  measured[1].part.median = Seconds{1e-2};
  measured[1].part.weight_bytes = 100;
  const PipelineProblem problem =
      pipeline_problem(graph, units, measured, {.machines = 4, .input_bytes = 3072});
  const auto options_at = [&](std::size_t first, std::size_t last) {
    return std::ranges::count_if(problem.shards, [&](const ShardOption& option) {
      return option.kind == "spatial" && option.first == first && option.last == last;
    });
  };
  EXPECT_EQ(options_at(0, 0), 0);
  EXPECT_EQ(options_at(1, 1), 1);
  EXPECT_EQ(options_at(0, 1), 1);
}

TEST(PipelineProblem, NoShardIsFreeWhereRatesSayNothingOfTheWork) {
  const PipelineProblem problem =
      small_problem(small_network(), {.machines = 4, .seconds_per_work = {}});
  EXPECT_FALSE(problem.shards.empty());
  for (const ShardOption& option : problem.shards)
    EXPECT_GT(option.time.at(0.5), 1e-4) << option.kind << ' ' << option.first;
}

// A layer in groups whose pieces would be made whole in three.
TEST(PipelineProblem, OffersNoNumberOfShardsThatIsUnevenForItsGroups) {
  GraphBuilder net("groups");
  const std::string x = net.input("input", {-1, 8, 8, 8});
  net.output(net.relu(net.conv(x, 64, {.kernel = {3}, .pad = {1}, .groups = 2}), "y"));
  const PipelineProblem problem = small_problem(net.build(), {.machines = 6});
  const auto option = std::ranges::find(problem.shards, "channel", &ShardOption::kind);
  ASSERT_NE(option, problem.shards.end());
  EXPECT_EQ(option->most, 2);
}

// Each shard of a channel split has only some of the branches.
TEST(PipelineProblem, CountsNoBranchAsWorkBehindTheMerge) {
  GraphBuilder net("branches");
  const std::string x = net.input("input", {-1, 16, 16, 16});
  std::vector<std::string> branches;
  for (int i = 0; i < 4; ++i)
    branches.push_back(net.relu(net.conv(x, 16, {.kernel = {3}, .pad = {1}})));
  net.output(net.concat(branches, 1, "y"));
  const PipelineProblem problem = small_problem(net.build(), {.machines = 4});
  const auto option = std::ranges::find(problem.shards, "channel", &ShardOption::kind);
  ASSERT_NE(option, problem.shards.end());
  // The unit takes a millisecond.
  EXPECT_LT(option->merge.count(), 1e-4);
  EXPECT_NEAR(option->time.at(0.5), 0.5e-3, 0.1e-3);
}

TEST(PipelineProblem, SaysWhyALayerIsKeptWhole) {
  GraphBuilder net("scores");
  const std::string x = net.input("input", {-1, 4, 6, 6});
  net.output(net.flatten(net.conv(net.softmax(x, 1), 4, {.kernel = {6}, .groups = 4}), "y"));
  const PipelineProblem scores = small_problem(net.build(), {.machines = 4});
  ASSERT_EQ(scores.units.size(), 1U);
  EXPECT_THAT(scores.units[0].kept_whole,
              testing::AllOf(testing::HasSubstr("made whole"), testing::HasSubstr("no rows")));
  const PipelineProblem problem = small_problem(small_network(), {.machines = 4});
  for (const PipelineUnit& unit : problem.units) EXPECT_EQ(unit.kept_whole, "") << unit.until;
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
