#include "split/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "core/error.h"
#include "core/text.h"
#include "graph/subgraph.h"
#include "split/shard_stage.h"
#include "split/shard_walks.h"

namespace isthmus {
namespace {

constexpr std::array<std::string_view, 4> kKindNames = {"whole", "channel", "spatial", "input"};

Edge edge(const std::string& from, const std::string& from_tensor, const std::string& to,
          const std::string& to_tensor) {
  return {from, from_tensor, to, to_tensor};
}

// Who makes the tensor that the next stage takes; "" for the network's input.
struct Producer {
  std::string part;
  std::string tensor;
};

class StagedNetwork {
 public:
  explicit StagedNetwork(const Graph& graph) : graph_(graph) { partition_.name = graph.name; }

  void add(const StageSpec& spec, const Graph& run) {
    const std::string name = fmt::format("stage{}", ++stages_);
    if (spec.kind == ShardKind::kWhole)
      add_whole(name, run);
    else
      add_shards(name, shard_run(run, spec));
    last_.tensor = spec.until;
  }

  Partition finish() {
    partition_.edges.push_back(edge(last_.part, last_.tensor, "", graph_.outputs[0].name));
    for (Part& part : partition_.parts) part.graph.name = graph_.name + '.' + part.name;
    check_partition(partition_);
    return std::move(partition_);
  }

  const std::string& input() const { return last_.tensor; }
  void begin(const std::string& input) { last_ = {"", input}; }

 private:
  void add_whole(const std::string& name, const Graph& run) {
    partition_.edges.push_back(edge(last_.part, last_.tensor, name, run.inputs[0].name));
    partition_.parts.push_back({name, run});
    last_.part = name;
  }

  void add_shards(const std::string& name, ShardedRun sharded) {
    const std::string scatter = name + ".scatter";
    const std::string merge = name + ".merge";
    if (sharded.scatter) {
      partition_.edges.push_back(
          edge(last_.part, last_.tensor, scatter, sharded.scatter->inputs[0].name));
      partition_.parts.push_back({scatter, std::move(*sharded.scatter)});
    }
    const bool scattered = partition_.find(scatter) != nullptr;
    for (std::size_t i = 0; i < sharded.shards.size(); ++i) {
      const std::string shard = fmt::format("{}.shard{}", name, i + 1);
      Graph& part = sharded.shards[i];
      const std::string input = part.inputs[0].name;
      partition_.edges.push_back(scattered ? edge(scatter, input, shard, input)
                                           : edge(last_.part, last_.tensor, shard, input));
      const std::string output = part.outputs[0].name;
      merge_edges_.push_back(edge(shard, output, merge, output));
      partition_.parts.push_back({shard, std::move(part)});
    }
    partition_.parts.push_back({merge, std::move(sharded.merge)});
    partition_.edges.insert(partition_.edges.end(), merge_edges_.begin(), merge_edges_.end());
    merge_edges_.clear();
    last_.part = merge;
  }

  const Graph& graph_;
  Partition partition_;
  Producer last_;
  std::vector<Edge> merge_edges_;
  int stages_ = 0;
};

void check_one_way(const Graph& graph) {
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1)
    throw Error(ErrorKind::kUnsupported,
                fmt::format("{} has {} inputs and {} outputs; stages need one of each", graph.name,
                            graph.inputs.size(), graph.outputs.size()));
}

Graph run_between(const Graph& graph, const std::string& from, const std::string& until) {
  check_one_way(graph);
  const std::string& begin = from.empty() ? graph.inputs[0].name : from;
  return extract_subgraph(graph, {&begin, 1}, {&until, 1});
}

}  // namespace

std::string_view to_string(ShardKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

ShardKind shard_kind_from_string(std::string_view name) {
  const auto found = std::ranges::find(kKindNames, name);
  if (found == kKindNames.end())
    throw Error(ErrorKind::kInvalid, fmt::format("unknown way to shard: {} (there are {})", name,
                                                 fmt::join(kKindNames, ", ")));
  return static_cast<ShardKind>(found - kKindNames.begin());
}

Partition staged_partition(const Graph& graph, std::span<const StageSpec> stages) {
  check_one_way(graph);
  if (stages.empty() || stages.back().until != graph.outputs[0].name)
    throw Error(ErrorKind::kInvalid, fmt::format("the last stage must end at the output {} of {}",
                                                 graph.outputs[0].name, graph.name));
  StagedNetwork network(graph);
  network.begin(graph.inputs[0].name);
  for (const StageSpec& stage : stages) {
    const std::string from = network.input();
    const Graph run = extract_subgraph(graph, {&from, 1}, {&stage.until, 1});
    if (run.nodes.empty())
      throw Error(ErrorKind::kInvalid,
                  fmt::format("there is no layer between {} and {}", from, stage.until));
    network.add(stage, run);
  }
  return network.finish();
}

std::optional<std::string> shard_problem(const Graph& graph, const std::string& from,
                                         const StageSpec& stage) {
  if (stage.kind == ShardKind::kWhole) return std::nullopt;
  try {
    walk_shards(run_between(graph, from, stage.until), stage);
    return std::nullopt;
  } catch (const Error& error) {
    return error.what();
  }
}

std::vector<ShardCost> shard_costs(const Graph& graph, const std::string& from,
                                   const StageSpec& stage) {
  const Graph run = run_between(graph, from, stage.until);
  return shard_costs(run, cost_of(run), stage);
}

std::vector<ShardCost> shard_costs(const Graph& run, const GraphCost& cost,
                                   const StageSpec& stage) {
  std::vector<ShardCost> costs;
  for (const BoxWalk& walk : walk_shards(run, stage).walks) {
    WalkCost of_walk = cost_of(run, walk, cost);
    ShardCost& shard = costs.emplace_back();
    shard.macs = of_walk.macs;
    shard.weights = of_walk.weights;
    shard.input = element_count(walk.input);
    shard.output = element_count(walk.wanted);
    for (std::size_t i = 0; i < walk.nodes.size(); ++i)
      shard.shares[run.nodes[walk.nodes[i]].name] = of_walk.shares[i];
  }
  return costs;
}

}  // namespace isthmus
