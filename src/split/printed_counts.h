#pragma once

#include <cstddef>
#include <optional>

#include "graph/graph.h"
#include "split/shard.h"

namespace isthmus {

// What paper 4 prints for one layer on n nodes with equal shares: multiplications and weights of a
// node, and the elements sent in total for one inference (Tables 1 and 2, Eq. 2). As printed, also
// where facts.md says that it is wrong: the weights in Table 1 are activations, Eq. 2 lacks the
// channels and the side of the region, and Table 2's spatial row multiplies by H W twice. The true
// counts are those of shard_costs (split/shard.h).
struct PrintedCounts {
  double macs = 0;
  double weights = 0;
  double sent = 0;
};

// For a run whose only work is one product of a vector with a weight matrix, or one 2D convolution
// in one group; nothing for others, and for regions whose number is no square.
std::optional<PrintedCounts> printed_counts(const Graph& run, ShardKind kind, std::size_t nodes);

}  // namespace isthmus
