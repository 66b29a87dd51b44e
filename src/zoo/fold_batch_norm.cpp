#include "zoo/fold_batch_norm.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <vector>

namespace isthmus {

namespace {

bool is_constant_f32(const Graph& graph, const std::string& name) {
  const auto found = graph.initializers.find(name);
  return found != graph.initializers.end() && found->second.tensor.dtype() == DType::kF32;
}

// The convolution that `norm` can become part of; nothing if there is none.
Node* foldable_producer(Graph& graph, const GraphIndex& index, const Node& norm) {
  if (norm.op != "BatchNormalization" || !norm.domain.empty() || norm.outputs.size() != 1)
    return nullptr;
  const std::string& between = norm.inputs[0];
  const auto producer = index.producer.find(between);
  if (producer == index.producer.end() || producer->second < 0) return nullptr;
  Node& conv = graph.nodes[static_cast<std::size_t>(producer->second)];
  if (conv.op != "Conv" || !conv.domain.empty()) return nullptr;
  if (index.consumers.at(between).size() != 1 || graph.find_output(between)) return nullptr;
  const auto constant = [&](const std::string& name) { return is_constant_f32(graph, name); };
  if (!std::all_of(conv.inputs.begin() + 1, conv.inputs.end(), constant)) return nullptr;
  if (!std::all_of(norm.inputs.begin() + 1, norm.inputs.end(), constant)) return nullptr;
  return &conv;
}

// The scaled weights and the bias, under names of their own.
void fold_into(Graph& graph, Node& conv, const Node& norm) {
  const auto values = [&](const std::string& name) {
    return graph.initializers.at(name).tensor.values<float>();
  };
  const auto gamma = values(norm.inputs[1]), beta = values(norm.inputs[2]);
  const auto mean = values(norm.inputs[3]), variance = values(norm.inputs[4]);
  const double epsilon = norm.real("epsilon", 1e-5F);
  const Tensor& weight = graph.initializers.at(conv.inputs[1]).tensor;
  const bool has_bias = conv.inputs.size() > 2;

  const auto channels = static_cast<std::size_t>(weight.shape()[0]);
  const std::size_t per_channel = static_cast<std::size_t>(weight.size()) / channels;
  Tensor scaled(DType::kF32, weight.shape());
  Tensor bias(DType::kF32, {weight.shape()[0]});
  const auto from = weight.values<float>();
  const auto to = scaled.mutable_values<float>();
  const auto shift = bias.mutable_values<float>();
  for (std::size_t c = 0; c < channels; ++c) {
    const double scale = gamma[c] / std::sqrt(variance[c] + epsilon);
    const double old_bias = has_bias ? values(conv.inputs[2])[c] : 0.0;
    shift[c] = static_cast<float>(scale * (old_bias - mean[c]) + beta[c]);
    for (std::size_t i = c * per_channel; i < (c + 1) * per_channel; ++i)
      to[i] = static_cast<float>(scale * from[i]);
  }

  const std::string name = norm.outputs[0];
  graph.initializers[name + ".folded.weight"].tensor = scaled;
  graph.initializers[name + ".folded.bias"].tensor = bias;
  conv.inputs = {conv.inputs[0], name + ".folded.weight", name + ".folded.bias"};
  graph.values.erase(conv.outputs[0]);
  conv.outputs[0] = name;
}

void drop_unused_initializers(Graph& graph) {
  std::set<std::string> used;
  for (const Node& node : graph.nodes) used.insert(node.inputs.begin(), node.inputs.end());
  for (const NamedValue& output : graph.outputs) used.insert(output.name);
  std::erase_if(graph.initializers, [&](const auto& each) { return !used.contains(each.first); });
}

}  // namespace

void fold_batch_norm(Graph& graph) {
  const GraphIndex index(graph);
  std::set<std::size_t> folded;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (Node* conv = foldable_producer(graph, index, graph.nodes[i])) {
      fold_into(graph, *conv, graph.nodes[i]);
      folded.insert(i);
    }
  std::vector<Node> kept;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (!folded.contains(i)) kept.push_back(std::move(graph.nodes[i]));
  graph.nodes = std::move(kept);
  drop_unused_initializers(graph);
}

}  // namespace isthmus
