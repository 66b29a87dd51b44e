#pragma once

// Private to split/: which boxes of a run of layers each shard makes, and from what.

#include <cstddef>
#include <string>
#include <vector>

#include "split/box_walk.h"
#include "split/shard.h"

namespace isthmus {

// A run has one.
inline const std::string& output_of(const Graph& run) { return run.outputs.front().name; }

struct ShardWalks {
  std::vector<BoxWalk> walks;
  // Spatial: how many shards each row of regions has.
  std::vector<std::size_t> row_sizes;
};

// Throws Error{kInvalid} and Error{kUnsupported} as staged_partition does.
ShardWalks walk_shards(const Graph& run, const StageSpec& stage);

// Which axes of a tensor's box a channel split and regions cut; rows are columns where only one
// is left beside the channels.
struct OutputAxes {
  std::size_t channel = 0;
  std::size_t row = 0;
  std::size_t column = 0;
};

OutputAxes axes_of(const Graph& run, const std::string& tensor);

}  // namespace isthmus
