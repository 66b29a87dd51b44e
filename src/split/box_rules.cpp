#include "split/box_rules.h"

#include <array>

#include "core/error.h"

namespace isthmus {
namespace {

BoxRule find_rule(const Node& node) {
  if (!node.domain.empty() || node.outputs.empty()) return nullptr;
  // Further outputs (indices of a MaxPool, statistics of a training BatchNormalization).
  for (std::size_t i = 1; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty()) return nullptr;
  for (const BoxRules* rules : {&window_box_rules(), &channel_box_rules(), &moving_box_rules()})
    if (const auto found = rules->find(node.op); found != rules->end()) return found->second;
  return nullptr;
}

BoxedNode whole_node(const BoxContext& context) {
  BoxedNode result = context.begin(whole_box(context.graph, context.node.outputs[0]));
  for (std::size_t i = 0; i < context.node.inputs.size(); ++i)
    if (context.is_activation(i)) result.inputs[i] = context.whole_input(i);
  return result;
}

}  // namespace

Shape BoxContext::input_shape(std::size_t input) const {
  return graph.value_of(node.inputs[input]).shape;
}

Shape BoxContext::output_shape() const { return graph.value_of(node.outputs[0]).shape; }

std::optional<std::vector<std::int64_t>> BoxContext::constants(std::size_t input,
                                                               std::string_view attribute) const {
  if (node.has(attribute)) return node.integers(attribute, {});
  if (!is_weight(input)) return std::nullopt;
  const Tensor& tensor = graph.initializers.at(node.inputs[input]).tensor;
  if (tensor.dtype() == DType::kI64) {
    const auto values = tensor.values<std::int64_t>();
    return std::vector<std::int64_t>(values.begin(), values.end());
  }
  if (tensor.dtype() != DType::kI32) return std::nullopt;
  const auto values = tensor.values<std::int32_t>();
  return std::vector<std::int64_t>(values.begin(), values.end());
}

BoxedNode BoxContext::begin(Box made) const {
  BoxedNode result;
  result.made = std::move(made);
  result.inputs.resize(node.inputs.size());
  result.node = node;
  return result;
}

RuledNode box_node(const Graph& graph, const Node& node, const Box& wanted) {
  const BoxContext context{graph, node};
  if (const BoxRule rule = find_rule(node))
    if (auto ruled = rule(context, wanted)) return {std::move(*ruled), true};
  return {whole_node(context), false};
}

}  // namespace isthmus
