#include "graph/subgraph.h"

#include <set>
#include <unordered_set>

#include "core/error.h"
#include "core/text.h"

namespace isthmus {
namespace {

class Extraction {
 public:
  Extraction(const Graph& graph, std::span<const std::string> inputs)
      : graph_(graph), index_(graph), inputs_(inputs.begin(), inputs.end()) {}

  // Marks the nodes that make `tensor`.
  void take(const std::string& tensor) {
    std::vector<std::string> todo = {tensor};
    while (!todo.empty()) {
      const std::string at = std::move(todo.back());
      todo.pop_back();
      if (inputs_.contains(at) || !used_.insert(at).second || graph_.is_initializer(at)) continue;
      const auto producer = index_.producer.find(at);
      if (producer == index_.producer.end())
        throw Error(ErrorKind::kNotFound, "there is no tensor " + at + " in " + graph_.name +
                                              suggestion(at, graph_.tensors()));
      if (producer->second < 0)
        throw Error(ErrorKind::kInvalid, "the part of " + graph_.name + " that makes " + tensor +
                                             " needs the input " + at + " as well");
      nodes_.insert(static_cast<std::size_t>(producer->second));
      for (std::string& need : graph_.nodes[static_cast<std::size_t>(producer->second)].needs())
        todo.push_back(std::move(need));
    }
  }

  // The marked nodes with what they use.
  void write(Graph& part) const {
    for (const std::size_t index : nodes_) {
      Node& node = part.nodes.emplace_back(graph_.nodes[index]);
      for (std::string& output : node.outputs) {
        // One output of the node is given, another has to be made: the given one is made under
        // another name, which nothing reads.
        if (inputs_.contains(output)) output = unused_name(output);
        if (const auto value = graph_.values.find(output); value != graph_.values.end())
          part.values.insert(*value);
        else if (const NamedValue* whole = graph_.find_output(output))
          part.values[output] = whole->value;
      }
    }
    for (const std::string& tensor : used_)
      if (const auto weight = graph_.initializers.find(tensor); weight != graph_.initializers.end())
        part.initializers.insert(*weight);
  }

 private:
  std::string unused_name(const std::string& tensor) const {
    std::string name = tensor + "_unused";
    while (index_.producer.contains(name) || graph_.is_initializer(name)) name += '_';
    return name;
  }

  const Graph& graph_;
  GraphIndex index_;
  std::unordered_set<std::string> inputs_;
  std::unordered_set<std::string> used_;
  std::set<std::size_t> nodes_;
};

}  // namespace

Graph extract_subgraph(const Graph& graph, std::span<const std::string> inputs,
                       std::span<const std::string> outputs) {
  Graph part;
  part.name = graph.name;
  part.opsets = graph.opsets;
  part.ir_version = graph.ir_version;
  part.rest = graph.rest;
  const auto known = [&](const std::string& tensor) {
    const bool exists =
        graph.find_input(tensor) || graph.is_initializer(tensor) || graph.producer_of(tensor) >= 0;
    if (!exists)
      throw Error(ErrorKind::kNotFound, "there is no tensor " + tensor + " in " + graph.name +
                                            suggestion(tensor, graph.tensors()));
    return NamedValue{tensor, graph.value_of(tensor)};
  };
  Extraction extraction(graph, inputs);
  for (const std::string& input : inputs) part.inputs.push_back(known(input));
  for (const std::string& output : outputs) {
    part.outputs.push_back(known(output));
    extraction.take(output);
  }
  extraction.write(part);
  for (const NamedValue& output : part.outputs) part.values.erase(output.name);
  return part;
}

}  // namespace isthmus
