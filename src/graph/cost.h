#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// Cost of one node for the extents at hand (batch 1 where the batch is dynamic).
struct NodeCost {
  // Multiply-adds of convolutions, matrix products and recurrent layers, counted once per
  // multiply-add; 0 for everything else (facts.md, "Units"). graph/macs.h has the table.
  std::int64_t macs = 0;
  // Learnable parameters among the initializers that are this node's inputs, as PyTorch counts
  // them: no running mean and variance of a BatchNormalization, no integers, no scalars, no scales
  // of Resize; the 8-bit weights of a quantised layer do count. Shared ones are counted at each
  // user.
  std::int64_t params = 0;
  // Bytes of all initializers that are inputs, whatever they hold.
  std::int64_t weight_bytes = 0;
  // Bytes read from and written to activations.
  std::int64_t input_bytes = 0;
  std::int64_t output_bytes = 0;
  // False if a shape that the numbers need is unknown; they are lower bounds then.
  bool known = true;
};

struct GraphCost {
  // One per node of the graph, in its order.
  std::vector<NodeCost> nodes;
  std::int64_t macs = 0;
  // Each initializer once.
  std::int64_t params = 0;
  std::int64_t weight_bytes = 0;
  // Largest sum of live activation bytes over the schedule "nodes in order", each tensor freed
  // after its last use, inputs and outputs included, weights not.
  std::int64_t peak_bytes = 0;
  // Names of nodes with `known` false.
  std::vector<std::string> unknown;
};

GraphCost cost_of(const Graph& graph);

// Bytes of one value at batch 1 (an unknown first extent counts as 1); -1 if another extent or the
// element type is unknown.
std::int64_t value_bytes(const Value& value);
// Elements likewise.
std::int64_t value_elements(const Value& value);

}  // namespace isthmus
