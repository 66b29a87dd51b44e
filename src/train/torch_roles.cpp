#include "train/torch_roles.h"

#include <algorithm>
#include <map>
#include <vector>

#include "core/text.h"
#include "train/torch_operator.h"

namespace isthmus {
namespace {

bool is_statistic(const Node& node, std::size_t input) {
  return node.op == "BatchNormalization" && node.domain.empty() && (input == 3 || input == 4);
}

bool is_real(DType type) {
  return type == DType::kF32 || type == DType::kF64 || type == DType::kF16 || type == DType::kBF16;
}

bool lets_gradient_through(const Node& node, std::size_t input) {
  const TorchOperator* op = find_torch_operator(node);
  if (!op || !contains(op->gradient, input) || contains(op->host, input)) return false;
  // The numbers end here.
  if (node.op != "Cast") return true;
  return is_real(static_cast<DType>(node.integer("to", 0)));
}

// Tensors from which a gradient comes back when one enters at the outputs.
std::set<std::string> reached_by_gradient(const Graph& graph) {
  std::set<std::string> reached;
  for (const NamedValue& output : graph.outputs) reached.insert(output.name);
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool behind = std::ranges::any_of(
        node->outputs, [&](const std::string& output) { return reached.contains(output); });
    for (std::size_t i = 0; behind && i < node->inputs.size(); ++i)
      if (lets_gradient_through(*node, i)) reached.insert(node->inputs[i]);
  }
  return reached;
}

struct Uses {
  bool layer = false;
  bool statistic = false;
  bool device = false;
};

std::map<std::string, Uses> uses_of(const Graph& graph) {
  std::map<std::string, Uses> uses;
  for (const Node& node : graph.nodes) {
    const TorchOperator* op = find_torch_operator(node);
    for (std::size_t i = 0; op && i < node.inputs.size(); ++i) {
      Uses& use = uses[node.inputs[i]];
      use.layer |= op->layer;
      use.statistic |= is_statistic(node, i);
      use.device |= !contains(op->host, i);
    }
  }
  return uses;
}

// The first node behind `tensor` that stops a gradient; null if none does.
const Node* first_without_gradient(const Graph& graph, const std::string& tensor) {
  std::set<std::string> behind = {tensor};
  for (const Node& node : graph.nodes)
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      // Nobody expects a gradient through a shape.
      if (!behind.contains(node.inputs[i]) || node.op == "Shape" || node.op == "Size") continue;
      if (!lets_gradient_through(node, i)) return &node;
      behind.insert(node.outputs.begin(), node.outputs.end());
    }
  return nullptr;
}

}  // namespace

InitializerRoles initializer_roles(const Graph& graph) {
  const std::set<std::string> reached = reached_by_gradient(graph);
  std::map<std::string, Uses> uses = uses_of(graph);
  InitializerRoles roles;
  for (const auto& [name, initializer] : graph.initializers) {
    const Uses& use = uses[name];
    const Tensor& tensor = initializer.tensor;
    if (use.statistic) {
      roles.statistics.insert(name);
    } else if (!use.device) {
      roles.host.insert(name);
    } else if (!is_real(tensor.dtype()) || (!use.layer && tensor.size() <= 1)) {
      continue;
    } else if (reached.contains(name)) {
      roles.parameters.insert(name);
    } else if (use.layer) {
      roles.cut_off.insert(name);
    }
  }
  return roles;
}

void separate_statistics(Graph& graph) {
  std::map<std::string, int> users;
  for (const Node& node : graph.nodes)
    for (const std::string& input : node.inputs) ++users[input];
  for (Node& node : graph.nodes)
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      std::string& input = node.inputs[i];
      const auto found = graph.initializers.find(input);
      if (!is_statistic(node, i) || found == graph.initializers.end() || users[input] < 2) continue;
      std::string copy = input + '.' + node.name;
      // One that stands for both mean and variance.
      while (graph.initializers.contains(copy)) copy += '_';
      --users[input];
      graph.initializers[copy] = found->second;
      input = copy;
    }
}

Error not_a_parameter(const Graph& graph, const std::string& name) {
  if (!graph.is_initializer(name)) {
    std::vector<std::string> names;
    for (const auto& [known, _] : graph.initializers) names.push_back(known);
    return {ErrorKind::kNotFound, graph.name + " has no weight " + name + suggestion(name, names)};
  }
  const InitializerRoles roles = initializer_roles(graph);
  if (roles.statistics.contains(name))
    return {ErrorKind::kUnsupported, name + " is a running statistic, which no gradient trains"};
  if (const Node* node = first_without_gradient(graph, name))
    return {ErrorKind::kUnsupported,
            describe(*node) + " has no gradient, so " + name +
                " before it cannot be trained; train only what lies behind it"};
  return {ErrorKind::kUnsupported, name + " is a constant of the network, not a weight"};
}

}  // namespace isthmus
