#include "lab/spread_study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "engine/verify.h"
#include "graph/builder.h"
#include "lab/replan.h"
#include "plan/costs.h"

namespace isthmus {
namespace {

// Convolutions that are worth sharding and a dense layer that holds most of the weights.
Graph small_network() {
  GraphBuilder net("small");
  std::string x = net.input("input", {-1, 3, 32, 32});
  x = net.relu(net.conv(x, 16, {.kernel = {3}, .pad = {1}, .name = "conv1"}));
  x = net.max_pool(net.relu(net.conv(x, 32, {.kernel = {3}, .pad = {1}, .name = "conv2"})),
                   {.kernel = {2}, .stride = {2}, .name = "pool2"});
  x = net.relu(net.conv(x, 32, {.kernel = {3}, .pad = {1}, .name = "conv3"}), "relu3");
  x = net.relu(net.gemm(net.flatten(x), 64, "fc"), "fc.relu");
  net.output(net.gemm(x, 10, "logits"));
  return net.build();
}

NetworkUnderStudy study() {
  NetworkUnderStudy network;
  network.name = "small";
  network.graph = small_network();
  network.input = {.width = 32, .height = 32, .tensor = "input", .shape = {1, 3, 32, 32}};
  return network;
}

// A camera and boards on a fast network, each so many times slower than this machine.
Cluster boards(int count, double slowdown, std::int64_t memory = 0) {
  Cluster cluster;
  cluster.source = "camera";
  cluster.machines.push_back({.name = "camera"});
  for (int i = 1; i <= count; ++i)
    cluster.machines.push_back({.name = "pi" + std::to_string(i),
                                .slowdown = slowdown,
                                .slowdown_given = true,
                                .memory = memory});
  cluster.networks.push_back({.name = "lan",
                              .machines = {},
                              .link = {.name = "lan", .bandwidth = 1e9, .latency = Seconds{1e-4}}});
  return cluster;
}

TEST(PipelineUnits, GroupLightLayersWithTheOneBefore) {
  EXPECT_THAT(pipeline_units(small_network()),
              testing::ElementsAre("Relu_0", "pool2", "relu3", "fc.relu", "logits"));
}

TEST(PipelineProblem, NoShardIsFreeWhereRatesSayNothingOfTheWork) {
  const Graph graph = small_network();
  const auto units = pipeline_units(graph);
  const std::vector<MeasuredUnit> measured(
      units.size(), {.part = {.median = Seconds{1e-3}, .weight_bytes = 1}, .codec = {}});
  const PipelineProblem problem =
      pipeline_problem(graph, units, measured, {.machines = 4, .seconds_per_work = {}});
  EXPECT_FALSE(problem.shards.empty());
  for (const ShardOption& option : problem.shards)
    EXPECT_GT(option.time.at(0.5), 1e-4) << option.kind << ' ' << option.first;
}

TEST(SpreadNetwork, MakesPlansThatComputeTheSame) {
  const NetworkUnderStudy network = study();
  for (const auto objective : {PipelineObjective::kThroughput, PipelineObjective::kLatency})
    // With little memory the dense layer, 2 MB, must be shared.
    for (const std::int64_t memory : {std::int64_t{0}, kRuntimeBytes + 1'500'000}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(objective) << ' ' << memory);
      Profile profile;
      const SpreadResult result = spread_network(network, boards(4, 100, memory),
                                                 {.objective = objective, .runs = 2}, profile);
      const Partition partition =
          staged_partition(network.graph, stage_specs(result.problem, result.pipeline));
      EXPECT_TRUE(
          verify_partition(network.graph, partition, random_inputs(network.graph, 1, 1)).equal);
      EXPECT_GT(result.outcome.throughput, 0);
      EXPECT_FALSE(memory_problem(result.plan.plan, costs_of(result.plan.plan, "camera", profile),
                                  boards(4, 100, memory)));
      const auto shards =
          std::ranges::count(result.pipeline.stages, StageMode::kShards, &PipelineStage::mode);
      EXPECT_GE(shards, memory > 0 ? 1 : 0);
    }
}

TEST(SpreadNetwork, NamesTheLayerThatNoBoardHolds) {
  Profile profile;
  try {
    spread_network(study(), boards(2, 100, kRuntimeBytes + 1000), {.runs = 1}, profile);
    FAIL() << "it fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), testing::HasSubstr("pi"));
  }
}

TEST(Without, TakesMachinesOutOfLinksAndNetworks) {
  Cluster cluster = boards(3, 1);
  cluster.networks[0].machines = {"camera", "pi1", "pi2", "pi3"};
  cluster.links.push_back({.a = "pi1", .b = "pi2"});
  const Cluster rest = without(cluster, {"pi2"});
  EXPECT_EQ(rest.find("pi2"), nullptr);
  EXPECT_EQ(rest.machines.size(), 3U);
  EXPECT_TRUE(rest.links.empty());
  EXPECT_THAT(rest.networks[0].machines, testing::ElementsAre("camera", "pi1", "pi3"));
}

TEST(AsMeasured, ScalesASlowdownByWhatThePartsTook) {
  Statistics measured;
  PartStatistics& part = measured.machines["pi1"]["stage1"];
  part.runs = 10;
  part.mean = Seconds{0.3};
  const Cluster now = as_measured(boards(2, 10), measured, {{"stage1", Seconds{0.01}}});
  // 10 ms ten times slower are 100 ms; it took three times as long.
  EXPECT_NEAR(now.machine("pi1").slowdown, 30, 1e-9);
  EXPECT_EQ(now.machine("pi2").slowdown, 10);
}

}  // namespace
}  // namespace isthmus
