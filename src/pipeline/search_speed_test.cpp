#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/pipeline.h"
#include "pipeline/random_pipelines.h"

namespace isthmus {
namespace {

struct NetworkLike {
  const char* name;
  int units;
  double seconds;
  // The largest message; they become smaller towards the end.
  double bytes;
  double weight_bytes;
};

// Wanted is a second (tools/bench planning measures real networks). Machines that are shared are
// seen to take twice as long from one hour to the next.
#ifdef NDEBUG
constexpr double kMostSeconds = 3;
const std::vector<const char*> kKinds = {"equal", "different"};
const std::vector<NetworkLike> kNetworks = {{"vgg16", 21, 1, 12e6, 550e6},
                                            {"c3d", 15, 3, 25e6, 320e6},
                                            {"resnet50", 70, 0.3, 3e6, 100e6},
                                            {"xception", 60, 0.4, 3e6, 90e6},
                                            {"densenet", 250, 0.4, 3e6, 80e6}};
#else
// With sanitizers each takes ten seconds.
constexpr double kMostSeconds = 60;
const std::vector<const char*> kKinds = {"different"};
const std::vector<NetworkLike> kNetworks = {{"vgg16", 21, 1, 12e6, 550e6},
                                            {"resnet50", 70, 0.3, 3e6, 100e6}};
#endif

// Every unit can be shared in three ways.
PipelineProblem problem_like(const NetworkLike& network) {
  Rng rng(1);
  PipelineProblem problem;
  problem.in_bytes = 150'000;
  problem.in_encode = problem.in_decode = Seconds{1e-4};
  for (int i = 0; i < network.units; ++i) {
    const double at = static_cast<double>(i) / network.units;
    const double out = network.bytes * std::max(0.02, 1 - at) * rng.uniform(0.3, 1);
    const double in =
        static_cast<double>(i == 0 ? problem.in_bytes : problem.units.back().out_bytes);
    const double time = network.seconds / network.units * rng.uniform(0.2, 1.8);
    const double weights = 2 * at * network.weight_bytes / network.units;
    const Seconds codec{out * 1e-9};
    std::string name = "unit";
    name += std::to_string(i);
    problem.units.push_back({.until = name,
                             .time = Seconds{time},
                             .weight_bytes = static_cast<std::int64_t>(weights),
                             .peak_bytes = static_cast<std::int64_t>(4 * out),
                             .out_bytes = static_cast<std::int64_t>(out),
                             .encode = codec,
                             .decode = codec});
    const auto unit = static_cast<std::size_t>(i);
    const Linear peak{0.4 * out, 4 * out};
    const Linear shared{0.02 * time, time};
    const int most = 16;
    problem.shards.push_back(
        {unit, unit, "channel", most, shared, {0, weights}, peak, {in, 0}, {0, out}});
    problem.shards.push_back(
        {unit, unit, "spatial", most, shared, {weights, 0}, peak, {0.1 * in, in}, {0, out}});
    problem.shards.push_back(
        {unit, unit, "input", most, shared, {0, weights}, peak, {0, in}, {out, 0}});
  }
  return problem;
}

std::vector<double> slowdowns(const std::string& kind) {
  std::vector<double> slowdowns;
  for (int i = 0; i < 12; ++i)
    slowdowns.push_back(kind == "equal"  ? 50
                        : kind == "half" ? 50.0 + 100 * (i % 2)
                                         : 30.0 + 5 * i);
  return slowdowns;
}

// CPU seconds of planning.
double time_of(const PipelineProblem& problem, const Cluster& cluster,
               PipelineObjective objective) {
  const Seconds before = process_cpu_time();
  const PipelinePlan plan = plan_pipeline(problem, cluster, objective);
  EXPECT_EQ(plan.stages.back().last + 1, problem.units.size());
  return (process_cpu_time() - before).count();
}

// The weights of a few large layers are divided among boards that hold the others, too.
TEST(PlanPipeline, IsNotMuchLaterWhereMemoryIsTight) {
  const PipelineProblem problem = problem_like(kNetworks.front());
  Cluster cluster = boards(slowdowns("different"));
  const auto latency = [&] {
    return plan_pipeline(problem, cluster, PipelineObjective::kLatency).latency;
  };
  const Seconds plenty = latency();
  for (Machine& machine : cluster.machines) machine.memory = 250'000'000;
  EXPECT_LT(latency() / plenty, 1.3);
}

TEST(PlanPipeline, PlansBigNetworksOnTwelveBoardsInSeconds) {
  double longest = 0;
  for (const NetworkLike& network : kNetworks) {
    for (const char* kind : kKinds) {
      for (const bool tight : {false, true}) {
        for (const auto objective : {PipelineObjective::kThroughput, PipelineObjective::kLatency}) {
          SCOPED_TRACE(std::string(network.name) + ", boards " + kind + (tight ? ", tight" : ""));
          PipelineProblem problem = problem_like(network);
          problem.replicas = !tight;
          Cluster cluster = boards(slowdowns(kind));
          for (Machine& machine : cluster.machines) machine.memory = tight ? 250'000'000 : 0;
          const double seconds = time_of(problem, cluster, objective);
          EXPECT_LT(seconds, kMostSeconds);
          longest = std::max(longest, seconds);
        }
      }
    }
  }
  RecordProperty("longest_ms", static_cast<int>(1e3 * longest));
}

}  // namespace
}  // namespace isthmus
