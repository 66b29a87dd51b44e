#pragma once

// Private to split/: a network that makes only a piece of one of its tensors.

#include <map>
#include <string>
#include <vector>

#include "graph/cost.h"
#include "split/box.h"
#include "split/box_rules.h"

namespace isthmus {

// What a piece of a tensor is made from, walking back through a run: a graph with one input. Where
// paths of different reach meet (the kernel and the shortcut of a residual block) their hull is
// made.
struct BoxWalk {
  // The tensor and what is wanted of it.
  std::string tensor;
  Box wanted;
  // Of the run's input: what the piece depends on (its receptive field, paper 4, section 4.2).
  Box input;
  // Nodes of the run that take part, by index, in order.
  std::vector<std::size_t> nodes;
  std::vector<BoxedNode> boxed;
  // What is made of each tensor.
  std::map<std::string, Box> held;
  // Nodes that make more than a piece because their operator cannot: "Einsum_3 (Einsum)".
  std::vector<std::string> unruled;
};

// Throws Error{kUnsupported} for a shape that is not known.
BoxWalk walk_box(const Graph& run, const std::string& tensor, const Box& wanted);
// The same for a node that sums over some of its channels only (partial_sum).
BoxWalk walk_partial_sum(const Graph& run, const Node& node, IndexRange channels);

// The part that makes it, with an input `input` of the piece that it needs and the output `output`.
Graph write_walk(const Graph& run, const BoxWalk& walk, const std::string& input,
                 const std::string& output);

// Adds a Slice of those axes that makes `name`; its constants are initializers, or attributes
// before opset 10.
void add_slice(Graph& graph, const std::string& tensor, const std::string& name,
               const std::vector<std::int64_t>& axes, const std::vector<std::int64_t>& starts,
               const std::vector<std::int64_t>& ends);

// Multiply-adds of the part and elements of the weights that it holds, without writing it. `cost`
// is that of the run.
struct WalkCost {
  std::int64_t macs = 0;
  std::int64_t weights = 0;
  // Of the node's share of the run's work, by node of the walk: 1 where it makes everything.
  std::vector<double> shares;
};
WalkCost cost_of(const Graph& run, const BoxWalk& walk, const GraphCost& cost);

}  // namespace isthmus
