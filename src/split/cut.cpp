#include "split/cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <set>
#include <vector>

#include "core/error.h"
#include "graph/cuts.h"
#include "graph/subgraph.h"

namespace isthmus {
namespace {

using Names = std::vector<std::string>;

bool has(const Names& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

void add_once(Names& names, const std::string& name) {
  if (!has(names, name)) names.push_back(name);
}

// Graph inputs and tensors of `stops` that `wanted` is made from, walking back no further than to
// `stops`.
std::set<std::string> sources_of(const Graph& graph, const GraphIndex& index, const Names& wanted,
                                 const Names& stops) {
  std::set<std::string> sources;
  std::set<std::string> seen;
  Names open = wanted;
  while (!open.empty()) {
    const std::string tensor = open.back();
    open.pop_back();
    if (tensor.empty() || !seen.insert(tensor).second) continue;
    const auto producer = index.producer.find(tensor);
    if (producer == index.producer.end()) continue;
    if (producer->second < 0 || has(stops, tensor)) {
      sources.insert(tensor);
      continue;
    }
    for (std::string& need : graph.nodes[static_cast<std::size_t>(producer->second)].needs())
      open.push_back(std::move(need));
  }
  return sources;
}

// Outputs of the whole by who makes them.
struct Outputs {
  Names of_head;
  Names of_tail;
};

Outputs assign_outputs(const Graph& graph, const GraphIndex& index, const Names& cut) {
  std::set<std::size_t> head_nodes;
  for (const std::size_t node : ancestors(graph, cut)) head_nodes.insert(node);
  Outputs outputs;
  for (const NamedValue& output : graph.outputs) {
    const auto producer = index.producer.find(output.name);
    const bool in_head =
        producer != index.producer.end() &&
        (producer->second < 0 || head_nodes.contains(static_cast<std::size_t>(producer->second)));
    (in_head ? outputs.of_head : outputs.of_tail).push_back(output.name);
  }
  return outputs;
}

// The cut tensors that the tail really takes, in the order given, each once.
Names crossing_tensors(const std::set<std::string>& needed, std::span<const std::string> tensors) {
  Names crossing;
  for (const std::string& tensor : tensors)
    if (needed.contains(tensor)) add_once(crossing, tensor);
  return crossing;
}

}  // namespace

Partition cut_graph(const Graph& graph, std::span<const std::string> tensors) {
  check_separates(graph, tensors);
  const GraphIndex index(graph);
  const Names cut(tensors.begin(), tensors.end());
  const Outputs outputs = assign_outputs(graph, index, cut);
  assert(!outputs.of_tail.empty());

  const Names crossing = crossing_tensors(sources_of(graph, index, outputs.of_tail, cut), tensors);
  // What the head gives: crossing tensors that it makes, and outputs of the whole.
  Names head_outputs;
  for (const std::string& tensor : crossing)
    if (!graph.find_input(tensor)) head_outputs.push_back(tensor);
  for (const std::string& output : outputs.of_head) add_once(head_outputs, output);
  assert(!head_outputs.empty());

  const auto head_sources = sources_of(graph, index, head_outputs, {});
  Names head_inputs;
  for (const NamedValue& input : graph.inputs)
    if (head_sources.contains(input.name)) head_inputs.push_back(input.name);

  Partition partition;
  partition.name = graph.name;
  partition.parts.push_back({"head", extract_subgraph(graph, head_inputs, head_outputs)});
  partition.parts.push_back({"tail", extract_subgraph(graph, crossing, outputs.of_tail)});
  for (Part& part : partition.parts) part.graph.name += '.' + part.name;
  for (const NamedValue& input : graph.inputs) {
    if (has(head_inputs, input.name))
      partition.edges.push_back({"", input.name, "head", input.name});
    if (has(crossing, input.name)) partition.edges.push_back({"", input.name, "tail", input.name});
  }
  for (const std::string& tensor : crossing)
    if (!graph.find_input(tensor)) partition.edges.push_back({"head", tensor, "tail", tensor});
  for (const NamedValue& output : graph.outputs)
    partition.edges.push_back(
        {has(outputs.of_head, output.name) ? "head" : "tail", output.name, "", output.name});
  check_partition(partition);
  return partition;
}

Graph join_graphs(const Graph& head, const Graph& tail) {
  Graph whole = head;
  whole.outputs = tail.outputs;
  for (const NamedValue& output : head.outputs)
    if (tail.find_input(output.name)) {
      whole.values[output.name] = output.value;
    } else {
      whole.outputs.push_back(output);
    }
  if (whole.outputs.size() == head.outputs.size() + tail.outputs.size())
    throw Error(ErrorKind::kInvalid, fmt::format("{} makes no input of {}", head.name, tail.name));
  for (const NamedValue& input : tail.inputs)
    if (!head.find_output(input.name) && !head.find_input(input.name))
      whole.inputs.push_back(input);
  whole.nodes.insert(whole.nodes.end(), tail.nodes.begin(), tail.nodes.end());
  whole.initializers.insert(tail.initializers.begin(), tail.initializers.end());
  whole.values.insert(tail.values.begin(), tail.values.end());
  return whole;
}

}  // namespace isthmus
