#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// A single tensor that separates the graph: every path from an input to an output passes it.
// Tensors that do not depend on an input (constants) cross freely: they are kept on both sides. An
// output that other nodes use as well does not count as the end of a path: the side before the cut
// has it.
struct CutPoint {
  std::string tensor;
  // Unknown extents are -1; the batch is left out of `relative`.
  Shape shape;
  // Elements of the tensor over elements of the graph's inputs ("data size", paper 0, section 2);
  // -1 if an extent is unknown.
  double relative = 0;
  // MACs of all nodes that the tensor needs, over everything before it; and of the whole.
  std::int64_t accumulated_macs = 0;
  std::int64_t total_macs = 0;
};

// In topological order; the inputs themselves and the outputs are left out. Tensors that differ
// only in view (Reshape, Identity) are all listed. Linear in the size of the graph: t separates if
// and only if it is the only live tensor after some node of a topological order (all that t needs
// stands before that place, and all that needs t behind).
std::vector<CutPoint> cut_points(const Graph& graph);

// The minimum cut between inputs and outputs where tensor t costs weight(t): a set of tensors that
// together separate the graph with the least total weight (maximum flow with capacities on tensors,
// Boykov and Kolmogorov 2004), of equal ones that nearest to the inputs, in topological order.
// Tensors with infinite weight are never cut. Weight of an input tensor counts too, so a network
// that only grows is cut at its input. Throws Error{kInvalid} for a negative weight and
// Error{kUnsupported} if every cut is infinite.
std::vector<std::string> minimum_cut(const Graph& graph,
                                     const std::function<double(const std::string&)>& weight);

// Nodes that must run to make `tensors` (their ancestors), by index, in order.
std::vector<std::size_t> ancestors(const Graph& graph, std::span<const std::string> tensors);

// Checks that the graph can be cut at `tensors`: the head makes them from the inputs, the tail
// makes from them every output that the head has not made on the way. Throws Error{kNotFound} with
// the nearest name for a tensor that is not in the graph, and Error{kInvalid} for none or a
// constant one, if some path from an input to an output avoids all of them (naming a node on that
// path), if one of them is of no use behind the others, and if nothing is left before or behind the
// cut.
void check_separates(const Graph& graph, std::span<const std::string> tensors);

}  // namespace isthmus
