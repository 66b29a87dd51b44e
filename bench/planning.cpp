// How long planning takes once everything is measured: the networks of paper 4 and a DenseNet of
// 700 nodes on twelve boards, equal, half of them three times slower, or all different, with much
// and with little memory, for both objectives. Units get the times that their work takes at assumed
// rates. Prints JSON: CPU seconds of one core, and what the plan
// promises. Arguments: networks instead of these.

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "graph/cost.h"
#include "pipeline/pipeline.h"
#include "pipeline/units.h"
#include "plan/cluster.h"
#include "plan/devices.h"
#include "plan/profile.h"
#include "zoo/zoo.h"

namespace {

using isthmus::Json;
using isthmus::Seconds;

// Seconds per multiply-add and per element, by operator kind, on one core.
constexpr double kSecondsPerMac = 2e-11;
constexpr double kSecondsPerElement = 4e-10;

Seconds time_at_assumed_rates(const isthmus::Graph& unit) {
  const isthmus::GraphCost cost = isthmus::cost_of(unit);
  double elements = 0;
  for (const isthmus::NodeCost& node : cost.nodes)
    elements += static_cast<double>(node.output_bytes) / 4;
  return Seconds{kSecondsPerMac * static_cast<double>(cost.macs) + kSecondsPerElement * elements};
}

std::vector<isthmus::MeasuredUnit> profiled(const isthmus::Graph& graph,
                                            const std::vector<std::string>& units) {
  std::vector<isthmus::MeasuredUnit> measured;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const isthmus::Graph unit = isthmus::unit_graph(graph, units, i);
    const isthmus::GraphCost cost = isthmus::cost_of(unit);
    measured.push_back({.part = {.median = time_at_assumed_rates(unit),
                                 .weight_bytes = cost.weight_bytes,
                                 .peak_bytes = cost.peak_bytes},
                        .codec = {.encode = Seconds{1e-4}, .decode = Seconds{1e-4}}});
  }
  return measured;
}

isthmus::Cluster twelve_boards(const std::string& kind, std::int64_t memory) {
  isthmus::Cluster cluster;
  cluster.source = "camera";
  cluster.machines.push_back({.name = "camera"});
  for (int i = 0; i < 12; ++i) {
    double slowdown = 20;
    if (kind == "half slower") slowdown += 40 * (i % 2);
    if (kind == "different") slowdown += 4 * i;
    cluster.machines.push_back(
        {.name = "board" + std::to_string(i), .slowdown = slowdown, .memory = memory});
  }
  cluster.networks.push_back(
      {.name = "lan",
       .machines = {},
       .link = {.name = "lan", .bandwidth = 94.1e6, .latency = Seconds{2e-4}}});
  return cluster;
}

double cpu_seconds_since(Seconds start) { return (isthmus::process_cpu_time() - start).count(); }

Json plan(const isthmus::PipelineProblem& problem, const std::string& kind, std::int64_t memory,
          isthmus::PipelineObjective objective) {
  const isthmus::Cluster cluster = twelve_boards(kind, memory);
  Json row = {
      {"boards", kind},
      {"memory", memory},
      {"objective", objective == isthmus::PipelineObjective::kLatency ? "latency" : "throughput"}};
  const Seconds start = isthmus::process_cpu_time();
  try {
    const auto planned = isthmus::plan_pipeline(problem, cluster, objective);
    row["stages"] = planned.stages.size();
    row["period_s"] = planned.period.count();
    row["latency_s"] = planned.latency.count();
  } catch (const isthmus::Error& error) {
    row["refused"] = error.what();
  }
  row["plan_s"] = cpu_seconds_since(start);
  return row;
}

Json measure(const std::string& name) {
  const isthmus::Graph graph = isthmus::build_network(name);
  const auto units = isthmus::pipeline_units(graph);
  const auto measured = profiled(graph, units);
  const Seconds start = isthmus::process_cpu_time();
  const isthmus::PipelineProblem problem =
      isthmus::pipeline_problem(graph, units, measured, {.machines = 12, .input_bytes = 150'528});
  Json result = {{"network", name},
                 {"nodes", graph.nodes.size()},
                 {"units", units.size()},
                 {"ways_to_shard", problem.shards.size()},
                 {"problem_s", cpu_seconds_since(start)},
                 {"plans", Json::array()}};
  double longest = 0;
  for (const char* kind : {"equal", "half slower", "different"})
    for (const std::int64_t memory : {1'000'000'000, 250'000'000})
      for (const auto objective :
           {isthmus::PipelineObjective::kThroughput, isthmus::PipelineObjective::kLatency}) {
        result["plans"].push_back(plan(problem, kind, memory, objective));
        longest = std::max(longest, result["plans"].back()["plan_s"].get<double>());
      }
  result["longest_s"] = result["problem_s"].get<double>() + longest;
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names(argv + 1, argv + argc);
  if (names.empty()) names = {"vgg16", "resnet50", "xception", "c3d", "densenet201"};
  Json networks = Json::array();
  for (const std::string& name : names) {
    std::cerr << name << '\n';
    networks.push_back(measure(name));
  }
  std::cout << Json{{"machine", isthmus::machine_fingerprint()}, {"networks", networks}}.dump(2)
            << '\n';
}
