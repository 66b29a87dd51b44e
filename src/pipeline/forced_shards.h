#pragma once

#include <optional>
#include <vector>

#include "pipeline/costs.h"

namespace isthmus {

// Units that none of the machines holds without swapping, and the cheapest way to share them (the
// fewest shards that fit, then the fewest bytes).
struct ForcedShards {
  std::size_t option = 0;
  int shards = 2;
};

// By the first unit of the option, which no other overlaps; nothing where the unit fits one of the
// `workers` (indices of machines), or where no option helps.
std::vector<std::optional<ForcedShards>> forced_shards(const PipelineCosts& costs,
                                                       const std::vector<std::size_t>& workers);

// The problem with only those ways to share that cover a unit which no machine holds without
// swapping.
PipelineProblem with_forced_shards_only(PipelineProblem problem, const Cluster& cluster);

}  // namespace isthmus
