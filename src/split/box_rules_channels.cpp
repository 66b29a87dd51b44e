// Operators that work element by element or channel by channel, and matrix products.
#include <algorithm>

#include "split/box_rules.h"

namespace isthmus {
namespace {

// All inputs but the first are constants that hold for every element (bounds of a Clip).
std::optional<BoxedNode> unary(const BoxContext& context, const Box& wanted) {
  for (std::size_t i = 1; i < context.node.inputs.size(); ++i)
    if (context.is_activation(i)) return std::nullopt;
  BoxedNode result = context.begin(wanted);
  result.inputs[0] = wanted;
  return result;
}

// The piece of an operand that meets `wanted` of the output: its axes are the last ones of the
// output's, and one of extent 1 serves all.
std::optional<BoxedNode> broadcasting(const BoxContext& context, const Box& wanted) {
  const std::size_t rank = context.output_shape().size();
  BoxedNode result = context.begin(wanted);
  for (std::size_t i = 0; i < context.node.inputs.size(); ++i) {
    if (context.node.inputs[i].empty()) continue;
    const Shape shape = context.input_shape(i);
    if (shape.size() > rank || (context.is_activation(i) && shape.size() != rank))
      return std::nullopt;
    Box piece;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const std::size_t at = axis + rank - shape.size();
      if (at == 0) continue;
      const bool serves_all = shape[axis] == 1;
      piece.push_back(serves_all ? IndexRange{0, 1} : wanted[at - 1]);
      if (context.is_weight(i) && !serves_all && wanted[at - 1].extent() < shape[axis])
        result.weights[i].axes[axis] = wanted[at - 1];
    }
    if (context.is_activation(i)) result.inputs[i] = std::move(piece);
  }
  return result;
}

std::optional<BoxedNode> batch_normalization(const BoxContext& context, const Box& wanted) {
  if (context.node.integer("training_mode", 0) != 0 || wanted.empty()) return std::nullopt;
  BoxedNode result = context.begin(wanted);
  result.inputs[0] = wanted;
  const bool all = wanted[0].extent() == context.output_shape()[1];
  for (std::size_t i = 1; i < context.node.inputs.size(); ++i) {
    if (!context.is_weight(i)) return std::nullopt;
    if (!all) result.weights[i].axes[0] = wanted[0];
  }
  return result;
}

// Sums over neighbouring channels: rows and columns are free.
std::optional<BoxedNode> local_response(const BoxContext& context, const Box& wanted) {
  BoxedNode result = context.begin(wanted);
  result.made[0] = context.whole_input(0)[0];
  result.inputs[0] = result.made;
  return result;
}

// All of one axis; the others are free. Before opset 13 the axes behind it count as one.
std::optional<BoxedNode> softmax(const BoxContext& context, const Box& wanted) {
  const auto rank = static_cast<std::int64_t>(context.output_shape().size());
  const bool flattens = context.graph.opset() < 13;
  std::int64_t axis = context.node.integer("axis", flattens ? 1 : -1);
  if (axis < 0) axis += rank;
  if (axis < 1) return std::nullopt;
  BoxedNode result = context.begin(wanted);
  const Box whole = context.whole_input(0);
  const std::int64_t last = flattens ? rank - 1 : axis;
  for (std::int64_t at = axis; at <= last; ++at) {
    const auto i = static_cast<std::size_t>(at - 1);
    result.made[i] = whole[i];
  }
  result.inputs[0] = result.made;
  return result;
}

// A bias that is computed would have to be cut, too.
bool has_constant_weights(const BoxContext& context) {
  return context.is_activation(0) && context.is_weight(1) && !context.is_activation(2);
}

bool is_dense(const BoxContext& context) {
  if (!has_constant_weights(context)) return false;
  if (context.node.op == "Gemm") return context.node.integer("transA", 0) == 0;
  return context.input_shape(1).size() == 2 && context.input_shape(0).size() >= 2;
}

// Axis of the weights that holds the features of the output.
std::size_t feature_axis(const BoxContext& context) {
  return context.node.op == "Gemm" && context.node.integer("transB", 0) != 0 ? 0 : 1;
}

std::optional<BoxedNode> dense(const BoxContext& context, const Box& wanted) {
  if (!is_dense(context)) return std::nullopt;
  BoxedNode result = context.begin(wanted);
  Box input = wanted;
  input.back() = context.whole_input(0).back();
  result.inputs[0] = input;
  const std::size_t axis = feature_axis(context);
  if (wanted.back().extent() == context.input_shape(1)[axis]) return result;
  result.weights[1].axes[axis] = wanted.back();
  if (context.node.inputs.size() > 2 && !context.node.inputs[2].empty()) {
    const Shape bias = context.input_shape(2);
    if (!bias.empty() && bias.back() > 1) result.weights[2].axes[bias.size() - 1] = wanted.back();
  }
  return result;
}

// Axis of the weights that is summed over, and of the activation (behind the batch).
struct Reduction {
  std::size_t weight_axis = 0;
  std::size_t input_axis = 0;
  std::int64_t groups = 1;
};

std::optional<Reduction> reduction_of(const BoxContext& context) {
  const Node& node = context.node;
  if (!node.domain.empty() || node.inputs.size() < 2) return std::nullopt;
  if (node.op == "Conv") {
    if (!has_constant_weights(context)) return std::nullopt;
    return Reduction{.weight_axis = 1, .input_axis = 0, .groups = node.integer("group", 1)};
  }
  if ((node.op != "Gemm" && node.op != "MatMul") || !is_dense(context)) return std::nullopt;
  return Reduction{.weight_axis = 1 - feature_axis(context),
                   .input_axis = context.input_shape(0).size() - 2};
}

}  // namespace

std::optional<SummedChannels> summed_channels(const Graph& graph, const Node& node) {
  const BoxContext context{graph, node};
  const auto reduction = reduction_of(context);
  if (!reduction) return std::nullopt;
  return SummedChannels{context.input_shape(1)[reduction->weight_axis] * reduction->groups,
                        reduction->groups};
}

BoxedNode partial_sum(const Graph& graph, const Node& node, IndexRange channels) {
  const BoxContext context{graph, node};
  const Reduction reduction = *reduction_of(context);
  // Of one group.
  const std::int64_t in = context.input_shape(1)[reduction.weight_axis];
  const IndexRange groups{channels.begin / in, (channels.end + in - 1) / in};
  Box made = whole_box(graph, node.outputs[0]);
  if (groups.extent() < reduction.groups) {
    const std::int64_t out = made[0].end / reduction.groups;
    made[0] = {groups.begin * out, groups.end * out};
  }
  BoxedNode result = box_node(graph, node, made).node;
  (*result.inputs[0])[reduction.input_axis] = channels;
  const std::int64_t first = channels.begin % in;
  if (channels.extent() < in) {
    result.weights[1].axes[reduction.weight_axis] = {first, first + channels.extent()};
    result.reduction = static_cast<double>(channels.extent()) / static_cast<double>(in);
  }
  if (first > 0 && node.inputs.size() > 2) {
    result.node.inputs.resize(2);
    result.weights.erase(2);
  }
  result.inputs.resize(result.node.inputs.size());
  return result;
}

const BoxRules& channel_box_rules() {
  static const BoxRules rules = [] {
    BoxRules table = {{"BatchNormalization", batch_normalization},
                      {"LRN", local_response},
                      {"Softmax", softmax},
                      {"LogSoftmax", softmax},
                      {"Gemm", dense},
                      {"MatMul", dense}};
    for (const char* op :
         {"Relu",    "LeakyRelu",   "Elu",       "Selu", "Celu",     "ThresholdedRelu",
          "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus", "Softsign",
          "Clip",    "Dropout",     "Identity",  "Erf",  "Exp",      "Log",
          "Sqrt",    "Reciprocal",  "Neg",       "Abs",  "Floor",    "Ceil",
          "Round",   "Sign",        "Cast",      "Mish", "Gelu"})
      table.emplace(op, unary);
    for (const char* op : {"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "PRelu"})
      table.emplace(op, broadcasting);
    return table;
  }();
  return rules;
}

bool keeps_axes(const Node& node) {
  const BoxRules& rules = channel_box_rules();
  const auto rule = rules.find(node.op);
  return node.domain.empty() && rule != rules.end() &&
         (rule->second == unary || rule->second == broadcasting || rule->second == softmax);
}

}  // namespace isthmus
