#include "pipeline/explain.h"

#include <gtest/gtest.h>

#include "pipeline/random_pipelines.h"
#include "plan/working_set.h"

namespace isthmus {
namespace {

// Two units of a second with a message of `bytes` between them.
PipelineProblem pair(std::int64_t bytes) {
  PipelineProblem problem;
  problem.in_bytes = 100;
  problem.units = {{.until = "conv1", .time = Seconds{1}, .out_bytes = bytes},
                   {.until = "fc", .time = Seconds{1}, .out_bytes = 100}};
  problem.replicas = false;
  return problem;
}

std::string explained(const PipelineProblem& problem, const Cluster& cluster,
                      PipelineObjective objective = PipelineObjective::kThroughput) {
  std::string text;
  for (const std::string& line :
       explain_pipeline(problem, cluster, plan_pipeline(problem, cluster, objective), objective))
    text += line + '\n';
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ExplainPipeline, HasALineForEachStage) {
  const std::string text = explained(pair(1000), boards({1, 1}));
  EXPECT_TRUE(has(text, "stage 1: conv1 on board0: 1.00 s a frame, board0 computes")) << text;
  EXPECT_TRUE(has(text, "stage 2: fc on board1: 1.00 s a frame, board1 computes")) << text;
  EXPECT_TRUE(has(text, "2.00 times board0 alone; 2.00 times if")) << text;
  EXPECT_TRUE(has(text, "every machine has work")) << text;
}

TEST(ExplainPipeline, NamesTheLayerThatCannotBeDivided) {
  const std::string text = explained(pair(1000), boards({1, 1, 1}));
  EXPECT_TRUE(has(text, "has no way to be shared")) << text;
  EXPECT_TRUE(has(text, "idle, as they would not make it faster: board2")) << text;
}

TEST(ExplainPipeline, NamesLayersThatAreKeptWholeByTheReason) {
  PipelineProblem problem = pair(1000);
  problem.units[0].kept_whole = problem.units[1].kept_whole = "Einsum_3 (Einsum) cannot be cut";
  EXPECT_TRUE(has(explained(problem, boards({1, 1})),
                  "kept whole: conv1, fc (Einsum_3 (Einsum) cannot be cut)"));
  EXPECT_FALSE(has(explained(pair(1000), boards({1, 1})), "kept whole"));
}

TEST(ExplainPipeline, NamesTheEdgeThatForbidsMore) {
  // Half a minute at 94.1 Mb/s.
  const std::string text = explained(pair(350'000'000), boards({1, 1}));
  EXPECT_TRUE(has(text, "stage 1: conv1 to fc on board0: 2.00 s")) << text;
  EXPECT_TRUE(has(text,
                  "if links cost nothing it would be 1.00 s (2.00 times as fast); on these "
                  "links that plan takes 30.8 s: board0 sends conv1"))
      << text;
}

TEST(ExplainPipeline, NamesTheEdgeOfANetworkWithASwitch) {
  Cluster cluster = boards({1, 1});
  cluster.networks.push_back({.name = "lan", .machines = {}, .link = cluster.links.front().up});
  cluster.links.clear();
  const std::string text = explained(pair(350'000'000), cluster);
  EXPECT_TRUE(has(text, "if links cost nothing it would be 1.00 s (2.00 times as fast); on these "))
      << text;
  EXPECT_TRUE(has(text, "board0 sends conv1")) << text;
}

TEST(ExplainPipeline, NamesTheEdgeThatDelaysOneFrame) {
  PipelineProblem problem = pair(350'000'000);
  problem.shards = {{.first = 1,
                     .last = 1,
                     .kind = "channel",
                     .most = 2,
                     .time = {0, 1},
                     .in_bytes = {350e6, 0},
                     .out_bytes = {0, 100}}};
  const PipelinePlan plan = plan_pipeline(problem, boards({1, 1}), PipelineObjective::kLatency);
  const std::string text = not_more(problem, boards({1, 1}), plan, PipelineObjective::kLatency);
  EXPECT_TRUE(has(text, "if links cost nothing it would be 1.50 s")) << text;
  EXPECT_TRUE(has(text, "sends most of conv1, 700 MB a frame")) << text;
}

TEST(ExplainPipeline, SaysThatNoMachineHoldsTheNetwork) {
  PipelineProblem problem = pair(1000);
  for (PipelineUnit& unit : problem.units) unit.weight_bytes = 100'000'000;
  Cluster cluster = boards({1, 1});
  for (Machine& machine : cluster.machines) machine.memory = kRuntimeBytes + 150'000'000;
  EXPECT_TRUE(has(explained(problem, cluster), "no single machine holds the network"));
}

TEST(ExplainPipeline, ExplainsEveryPlan) {
  int explained = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    const PipelineCase small = random_case(seed, {});
    for (const auto objective : {PipelineObjective::kThroughput, PipelineObjective::kLatency}) {
      PipelinePlan plan;
      try {
        plan = plan_pipeline(small.problem, small.cluster, objective);
      } catch (const Error&) {
        continue;
      }
      EXPECT_GE(explain_pipeline(small.problem, small.cluster, plan, objective).size(),
                plan.stages.size() + 3);
      const SpeedUp speed = speed_up(small.problem, small.cluster, plan, objective);
      EXPECT_TRUE(speed.single.empty() || speed.reached > 1 - 1e-9) << speed.reached;
      ++explained;
    }
  }
  EXPECT_GT(explained, 150);
}

}  // namespace
}  // namespace isthmus
