#pragma once

// Private to split/: what a node needs to make a piece of its output.
//
// To add an operator: a rule in the file of its family (box_rules_window.cpp, _channels.cpp,
// _moving.cpp) and a line in its table.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "split/box.h"

namespace isthmus {

// A piece of an initializer: [begin, end) of some of its axes.
struct WeightPiece {
  std::map<std::size_t, IndexRange> axes;
};

// A node that makes a piece of its only output.
struct BoxedNode {
  // What it makes: the box that was asked for, or one around it.
  Box made;
  // By input: the piece that it takes of an activation; nothing for initializers, omitted inputs
  // and activations that it does not need at all.
  std::vector<std::optional<Box>> inputs;
  // By input: the piece of an initializer, where it does not take all of it.
  std::map<std::size_t, WeightPiece> weights;
  // By input: an initializer of its own instead.
  std::map<std::size_t, Tensor> constants;
  // The operator for the piece; inputs and output still have the names of the whole.
  Node node;
  // Fraction of the channels or features that it sums over, where only some of them are there.
  double reduction = 1;
};

// A node in its graph; all shapes that rules ask for must be known.
struct BoxContext {
  const Graph& graph;
  const Node& node;

  bool is_weight(std::size_t input) const {
    return input < node.inputs.size() && graph.is_initializer(node.inputs[input]);
  }
  bool is_activation(std::size_t input) const {
    return input < node.inputs.size() && !node.inputs[input].empty() && !is_weight(input);
  }
  // Of an input or the output; the batch included.
  Shape input_shape(std::size_t input) const;
  Shape output_shape() const;
  Box whole_input(std::size_t input) const { return whole_box(graph, node.inputs[input]); }
  // Of the constant input, or of the attribute that older opsets have; nothing if it is neither.
  std::optional<std::vector<std::int64_t>> constants(std::size_t input,
                                                     std::string_view attribute) const;
  // The node as it is, with nothing said of its inputs yet.
  BoxedNode begin(Box made) const;
};

// Nothing where the operator, or this form of it, can only be run whole.
using BoxRule = std::optional<BoxedNode> (*)(const BoxContext&, const Box& wanted);
using BoxRules = std::unordered_map<std::string, BoxRule>;

const BoxRules& window_box_rules();
const BoxRules& channel_box_rules();
const BoxRules& moving_box_rules();

// What the node needs for `wanted` of its output: by the operator's rule, or, without one, all of
// all inputs for all of the output. `has_rule` says which.
struct RuledNode {
  BoxedNode node;
  bool has_rule = false;
};
RuledNode box_node(const Graph& graph, const Node& node, const Box& wanted);

// The channels or features of its input that a node (Conv, Gemm, MatMul by an initializer) sums
// over, each group of a Conv by itself; nothing for any other node.
struct SummedChannels {
  std::int64_t extent = 0;
  std::int64_t groups = 1;
};
std::optional<SummedChannels> summed_channels(const Graph& graph, const Node& node);
// Such a node that sums over the channels [begin, end) only, which are some whole groups or lie
// within one, and makes the output of these. The bias is added where a group begins.
BoxedNode partial_sum(const Graph& graph, const Node& node, IndexRange channels);

// Whether each axis of the output is that of the inputs: element by element, or a Softmax.
bool keeps_axes(const Node& node);

}  // namespace isthmus
