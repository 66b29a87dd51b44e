#pragma once

#include <span>
#include <string>

#include "graph/graph.h"
#include "split/partition.h"

namespace isthmus {

// Cuts a network at a set of tensors into "head" and "tail": tail(head(x)) = whole(x).
//
// Any set of tensors of the DAG that separates it (check_separates in graph/cuts.h, whose errors
// pass through). Initializers shared by both sides are kept in both; the batch stays dynamic.
// Outputs of the whole that the head already makes become edges from the head. Paper 0, section 2
// ("natural" splitting points).
Partition cut_graph(const Graph& graph, std::span<const std::string> tensors);

// The other way: one graph of a head and a tail, whose inputs that the head makes it takes by name.
// Throws Error{kInvalid} if the head makes none of them.
Graph join_graphs(const Graph& head, const Graph& tail);

}  // namespace isthmus
