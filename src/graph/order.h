#pragma once

// Private to graph/: what makes a list of nodes a graph.

#include <string>

#include "graph/graph.h"

namespace isthmus {

// Gives every node a unique name, keeping those that are unique already.
void name_nodes(Graph& graph);

// Sorts the nodes topologically, keeping the given order where it can be kept. Throws
// Error{kInvalid}, with `file` in front, for a tensor made twice or never, a cycle, or a graph
// without outputs.
void sort_nodes(Graph& graph, const std::string& file);

}  // namespace isthmus
