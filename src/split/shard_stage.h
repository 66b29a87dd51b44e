#pragma once

// Private to split/: one run of layers in shards.

#include <optional>
#include <string>
#include <vector>

#include "split/box_walk.h"
#include "split/shard.h"

namespace isthmus {

struct ShardWalks {
  std::vector<BoxWalk> walks;
  // Spatial: how many shards each row of regions has.
  std::vector<std::size_t> row_sizes;
};

// What each shard makes, and from what. Throws Error{kInvalid} and Error{kUnsupported} as
// staged_partition does.
ShardWalks walk_shards(const Graph& run, const StageSpec& stage);

struct ShardedRun {
  // Divides the run's input; nothing if every shard takes all of it.
  std::optional<Graph> scatter;
  std::vector<Graph> shards;
  // Output: that of the run.
  Graph merge;
};

ShardedRun shard_run(const Graph& run, const StageSpec& stage);

}  // namespace isthmus
