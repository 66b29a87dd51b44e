#include "pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <numeric>

#include "pipeline/random_pipelines.h"
#include "plan/costs.h"

namespace isthmus {
namespace {

constexpr std::int64_t kMegabyte = 1'000'000;

// 8 Mb/s without headers: a megabyte takes a second.
Cluster slow_boards(const std::vector<double>& slowdowns, double latency = 0) {
  Cluster cluster = boards(slowdowns, 8e6, latency);
  for (ClusterLink& link : cluster.links)
    link.up.headers = link.down.headers = {.segment_bytes = 1 << 30, .header_bytes = 0};
  return cluster;
}

// Two units of 4 s with a megabyte before, between and behind.
PipelineProblem two_units() {
  return {.units = {{.until = "a", .time = Seconds{4}, .out_bytes = kMegabyte},
                    {.until = "b", .time = Seconds{4}, .out_bytes = kMegabyte}},
          .in_bytes = kMegabyte};
}

PipelineStage stage(std::size_t first, std::size_t last, StageMode mode,
                    std::vector<std::string> machines) {
  const double share = 1 / static_cast<double>(machines.size());
  const std::size_t count = machines.size();
  return {.first = first,
          .last = last,
          .mode = mode,
          .machines = std::move(machines),
          .shares = std::vector<double>(count, share)};
}

TEST(Evaluated, IsTheSumForOneFrameAndTheBusiestForMany) {
  const PipelinePlan plan = evaluated(two_units(), slow_boards({1, 2}, 0.25),
                                      {.stages = {stage(0, 0, StageMode::kSingle, {"board0"}),
                                                  stage(1, 1, StageMode::kSingle, {"board1"})}});
  EXPECT_DOUBLE_EQ(plan.latency.count(), 3 * (1 + 0.25) + 4 + 8);
  EXPECT_DOUBLE_EQ(plan.period.count(), 8);
  EXPECT_EQ(plan.bound, "board1 computes");
  EXPECT_DOUBLE_EQ(plan.stages[0].period.count(), 4);
}

TEST(Evaluated, TakesTheTimeOnAirIntoAccountBesideTheComputing) {
  PipelineProblem problem = two_units();
  problem.units[0].out_bytes = 10 * kMegabyte;
  problem.units[0].encode = Seconds{0.5};
  const PipelinePlan plan = evaluated(problem, slow_boards({1, 1}),
                                      {.stages = {stage(0, 0, StageMode::kSingle, {"board0"}),
                                                  stage(1, 1, StageMode::kSingle, {"board1"})}});
  EXPECT_DOUBLE_EQ(plan.period.count(), 10);
  EXPECT_EQ(plan.bound, "board0 sends a");
  EXPECT_EQ(plan.stages[1].bound, "board1 receives a");
  EXPECT_DOUBLE_EQ(plan.latency.count(), 1 + 4.5 + 10 + 4 + 1);
}

TEST(Evaluated, SharesFramesAmongReplicas) {
  const PipelinePlan plan = evaluated(
      two_units(), slow_boards({1, 1, 1, 1}),
      {.stages = {stage(0, 1, StageMode::kReplicas, {"board0", "board1", "board2", "board3"})}});
  EXPECT_DOUBLE_EQ(plan.period.count(), 2);
  EXPECT_DOUBLE_EQ(plan.latency.count(), 10);
}

TEST(Evaluated, ScattersAndMergesShards) {
  PipelineProblem problem = two_units();
  problem.shards.push_back({.first = 0,
                            .last = 0,
                            .kind = "channel",
                            .most = 2,
                            .time = {0.5, 4},
                            .in_bytes = {1.0 * kMegabyte, 0},
                            .out_bytes = {0, 1.0 * kMegabyte},
                            .scatter = Seconds{0.25},
                            .merge = Seconds{0.125}});
  const PipelinePlan plan =
      evaluated(problem, slow_boards({1, 1, 1}),
                {.stages = {stage(0, 0, StageMode::kShards, {"board0", "board1"}),
                            stage(1, 1, StageMode::kSingle, {"board2"})}});
  // The second copy of the input arrives a second after the first; the halves of the output follow
  // each other.
  EXPECT_DOUBLE_EQ(plan.latency.count(), 0.25 + 2 + 2.5 + 0.5 + 0.125 + 4 + 1);
  EXPECT_DOUBLE_EQ(plan.stages[0].period.count(), 2.5);
  EXPECT_DOUBLE_EQ(plan.stages[1].period.count(), 4.125);
}

TEST(Evaluated, ChargesSwappingForEachInference) {
  PipelineProblem problem = two_units();
  problem.units[0].weight_bytes = 300 * kMegabyte;
  Cluster cluster = slow_boards({1});
  cluster.machines[1].memory = kRuntimeBytes + 100 * kMegabyte;
  PipelinePlan plan{.stages = {stage(0, 1, StageMode::kSingle, {"board0"})}};
  EXPECT_THROW(evaluated(problem, cluster, plan), Error);
  cluster.machines[1].swap_bandwidth = 20e6;
  plan = evaluated(problem, cluster, plan);
  EXPECT_DOUBLE_EQ(plan.period.count(), 8 + 10);
  EXPECT_DOUBLE_EQ(plan.latency.count(), 8 + 10 + 2);
}

TEST(Evaluated, RefusesWhatIsNoPipeline) {
  const PipelineProblem problem = two_units();
  const Cluster cluster = boards({1, 1});
  for (const PipelinePlan& bad :
       {PipelinePlan{}, PipelinePlan{.stages = {stage(1, 1, StageMode::kSingle, {"board0"})}},
        PipelinePlan{.stages = {stage(0, 1, StageMode::kSingle, {"board0", "board1"})}},
        PipelinePlan{.stages = {stage(0, 1, StageMode::kSingle, {"nobody"})}}})
    EXPECT_THROW(evaluated(problem, cluster, bad), Error);
}

std::string refusal(const PipelineProblem& problem, const Cluster& cluster) {
  try {
    plan_pipeline(problem, cluster, PipelineObjective::kThroughput);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    return error.what();
  }
  return "";
}

TEST(PlanPipeline, LetsMachinesServeTwoStagesWhereNothingElseFits) {
  // The second unit needs both boards, and the first and the third must be somewhere, too.
  PipelineProblem problem = two_units();
  problem.units.push_back(problem.units[0]);
  problem.units[2].until = "c";
  problem.units[1].weight_bytes = 300 * kMegabyte;
  problem.shards.push_back({.first = 1,
                            .last = 1,
                            .kind = "channel",
                            .most = 2,
                            .time = {0, 2},
                            .weight_bytes = {0, 300.0 * kMegabyte},
                            .in_bytes = {1.0 * kMegabyte, 0},
                            .out_bytes = {0, 1.0 * kMegabyte}});
  Cluster cluster = boards({1, 1});
  for (Machine& machine : cluster.machines) machine.memory = kRuntimeBytes + 200 * kMegabyte;
  const PipelinePlan plan = plan_pipeline(problem, cluster, PipelineObjective::kThroughput);
  ASSERT_EQ(plan.stages.size(), 3u);
  EXPECT_EQ(plan.stages[1].mode, StageMode::kShards);
  EXPECT_GT(plan.period, Seconds{0});
}

TEST(PlanPipeline, NamesTheLayerThatNoBoardHolds) {
  PipelineProblem problem = two_units();
  problem.units[1].weight_bytes = 400 * kMegabyte;
  Cluster cluster = boards({1, 1});
  for (Machine& machine : cluster.machines) machine.memory = 100 * kMegabyte;
  EXPECT_EQ(refusal(problem, cluster),
            "no machine can hold b: board0 would need 466 MB of its 100 MB; give it more memory, "
            "or let it swap (`swap_bandwidth`)");
  problem.shards.push_back({.first = 1,
                            .last = 1,
                            .kind = "channel",
                            .most = 4,
                            .time = {0, 4},
                            .weight_bytes = {0, 400.0 * kMegabyte}});
  EXPECT_EQ(refusal(problem, cluster),
            "no machine can hold b: board0 would need 266 MB of its 100 MB even in 2 shards; give "
            "it more memory, or let it swap (`swap_bandwidth`)");
  // So many boards would hold it.
  problem.shards[0].most = 16;
  EXPECT_EQ(refusal(problem, cluster),
            "no machine can hold b: board0 would need 266 MB of its 100 MB even in 2 shards; add "
            "machines, give it more memory, or let it swap (`swap_bandwidth`)");
}

TEST(PlanPipeline, SaysHowMuchMemoryIsMissingTogether) {
  PipelineProblem problem = two_units();
  problem.units.push_back(problem.units[0]);
  for (PipelineUnit& unit : problem.units) unit.weight_bytes = 100 * kMegabyte;
  Cluster cluster = boards({1, 1});
  for (Machine& machine : cluster.machines) machine.memory = kRuntimeBytes + 110 * kMegabyte;
  EXPECT_EQ(refusal(problem, cluster),
            "no plan fits: the network needs 432 MB (300 MB of weights, 132 MB to run) and the "
            "machines have 352 MB together; add machines, give them more memory, or let them swap "
            "(`swap_bandwidth`)");
  for (Machine& machine : cluster.machines) machine.memory = kRuntimeBytes + 190 * kMegabyte;
  EXPECT_NE(refusal(problem, cluster).find("divides in no way that fits"), std::string::npos);
}

TEST(PlanPipeline, NamesTheMachinesThatAreNotLinked) {
  Cluster cluster = boards({1, 1});
  std::erase_if(cluster.links, [](const ClusterLink& link) { return link.a == "camera"; });
  EXPECT_EQ(refusal(two_units(), cluster),
            "there is no link from camera to board0, which must talk: add it under `links:` or "
            "`networks:` of the cluster file");
}

TEST(PlanPipeline, NamesTheLinkWithoutWhichNothingFits) {
  PipelineProblem problem = two_units();
  problem.units.resize(1);
  problem.units[0].weight_bytes = 300 * kMegabyte;
  problem.shards.push_back({.kind = "channel",
                            .most = 2,
                            .time = {0, 4},
                            .weight_bytes = {0, 300.0 * kMegabyte},
                            .in_bytes = {1.0 * kMegabyte, 0},
                            .out_bytes = {0, 1.0 * kMegabyte}});
  Cluster cluster = boards({1, 1});
  for (Machine& machine : cluster.machines) machine.memory = kRuntimeBytes + 200 * kMegabyte;
  EXPECT_EQ(refusal(problem, cluster), "");
  std::erase_if(cluster.links, [](const ClusterLink& link) { return link.b == "board1"; });
  EXPECT_EQ(refusal(problem, cluster),
            "no plan fits without a link between camera and board1: add it under `links:` or "
            "`networks:` of the cluster file");
}

TEST(PlanPipeline, NeedsAMachineBesidesTheSourceUnlessThatMayRun) {
  PipelineProblem problem = two_units();
  EXPECT_EQ(refusal(problem, boards({})), "there is no machine besides the source's, camera");
  problem.source_may_run = true;
  const PipelinePlan plan = plan_pipeline(problem, boards({}), PipelineObjective::kLatency);
  EXPECT_DOUBLE_EQ(plan.latency.count(), 8);
}

TEST(PlanPipeline, GoesAroundAMissingLink) {
  // board0 and board1 cannot talk, so no pipeline goes over both; replicas can.
  Cluster cluster = boards({1, 1});
  std::erase_if(cluster.links, [](const ClusterLink& link) { return link.a == "board0"; });
  PipelineProblem problem = two_units();
  EXPECT_NEAR(plan_pipeline(problem, cluster, PipelineObjective::kThroughput).period.count(), 4,
              0.01);
  problem.replicas = false;
  EXPECT_EQ(plan_pipeline(problem, cluster, PipelineObjective::kThroughput).stages.size(), 1U);
}

TEST(PlanPipeline, GivesFasterMachinesMore) {
  PipelineProblem problem = two_units();
  problem.replicas = false;
  problem.units.resize(1);
  problem.units.insert(problem.units.end(), 11, problem.units[0]);
  const Cluster cluster = boards({1, 1, 3, 3});
  const PipelinePlan plan = plan_pipeline(problem, cluster, PipelineObjective::kThroughput);
  // 48 s of work at 2 2/3 of the speed of one: four or five units of 4 s, and one of 12 s.
  EXPECT_NEAR(plan.period.count(), 20, 0.5);
  for (const PipelineStage& each : plan.stages)
    EXPECT_LE((each.last - each.first + 1) * cluster.machine(each.machines[0]).slowdown, 5);
}

TEST(PlanPipeline, NeedsNoMoreMachinesThanPay) {
  PipelineProblem problem = two_units();
  problem.replicas = false;
  problem.units[1].time = Seconds{0.1};
  problem.units.push_back(problem.units[1]);
  const PipelinePlan plan =
      plan_pipeline(problem, boards({1, 1, 1, 1}), PipelineObjective::kThroughput);
  EXPECT_EQ(plan.stages.size(), 2U);
}

TEST(PlanPipeline, IsNoWorseWithAMachineMore) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    PipelineCase small = random_case(seed, {.units = 8, .memory = false});
    const Seconds before =
        plan_pipeline(small.problem, small.cluster, PipelineObjective::kThroughput).period;
    Cluster more = boards({1, 1, 1, 1, 1});
    more.links = small.cluster.links;
    more.machines.resize(small.cluster.machines.size());
    more.machines = small.cluster.machines;
    more.machines.push_back({.name = "new", .slowdown = 2});
    for (const Machine& machine : small.cluster.machines)
      more.links.push_back({machine.name, "new", lan(1e8, 0), lan(1e8, 0)});
    EXPECT_LE(plan_pipeline(small.problem, more, PipelineObjective::kThroughput).period.count(),
              before.count() * 1.02);
  }
}

}  // namespace
}  // namespace isthmus
