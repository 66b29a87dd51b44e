#pragma once

// Private to train/: what the initializers of a graph are to training.

#include <set>
#include <string>

#include "core/error.h"
#include "graph/graph.h"

namespace isthmus {

struct InitializerRoles {
  // A gradient reaches them from an output of the graph.
  std::set<std::string> parameters;
  // Running means and variances.
  std::set<std::string> statistics;
  // Only read by the host (shapes, axes, bounds), or by nobody.
  std::set<std::string> host;
  // Weights of layers that would be parameters if a gradient reached them.
  std::set<std::string> cut_off;
};

// Nodes without an operator here count as without a gradient.
InitializerRoles initializer_roles(const Graph& graph);

// Gives every BatchNormalization running statistics of its own: where another node, or another
// operand, uses the same initializer, a copy called INITIALIZER.NODE.
void separate_statistics(Graph& graph);

// Why this initializer is none of the parameters: Error{kNotFound} if there is none of that name,
// else Error{kUnsupported} that names the node without a gradient that lies behind it.
Error not_a_parameter(const Graph& graph, const std::string& name);

}  // namespace isthmus
