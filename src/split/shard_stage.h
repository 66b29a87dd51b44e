#pragma once

// Private to split/: one run of layers in shards, as graphs.

#include <optional>
#include <vector>

#include "split/shard.h"

namespace isthmus {

struct ShardedRun {
  // Divides the run's input; nothing if every shard takes all of it.
  std::optional<Graph> scatter;
  std::vector<Graph> shards;
  // Output: that of the run.
  Graph merge;
};

// Throws Error{kInvalid} and Error{kUnsupported} as staged_partition does.
ShardedRun shard_run(const Graph& run, const StageSpec& stage);

}  // namespace isthmus
