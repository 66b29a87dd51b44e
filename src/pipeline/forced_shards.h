#pragma once

#include <optional>
#include <vector>

#include "pipeline/costs.h"

namespace isthmus {

// Units that no machine's memory holds, swapping or not, and the cheapest way to share them (the
// fewest shards that fit, then the fewest bytes).
struct ForcedShards {
  std::size_t option = 0;
  int shards = 2;
};

// By first unit; nothing where the unit fits, or where no option helps.
std::vector<std::optional<ForcedShards>> forced_shards(const PipelineCosts& costs);

// Whether the machines of the seats hold the stage without swapping.
bool holds(const PipelineCosts& costs, const SeatedStage& stage);

}  // namespace isthmus
