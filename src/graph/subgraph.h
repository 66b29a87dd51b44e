#pragma once

#include <span>
#include <string>

#include "graph/graph.h"

namespace isthmus {

// The part of `graph` that makes `outputs` from `inputs` (any tensors, in the order given), with
// the initializers, opsets and metadata it needs. Constants that both sides need are in both. Types
// and shapes of the new inputs and outputs are those known; a dynamic batch stays dynamic. Throws
// Error{kInvalid} if `outputs` need a graph input that is not among `inputs`.
Graph extract_subgraph(const Graph& graph, std::span<const std::string> inputs,
                       std::span<const std::string> outputs);

}  // namespace isthmus
