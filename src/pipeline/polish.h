#pragma once

#include "pipeline/pipeline.h"

namespace isthmus {

// Moves boundaries between stages that are no shards, and machines from stage to stage, as long as
// the period falls, or with the same period the sum of those of the stages.
PipelinePlan polished(const PipelineProblem& problem, const Cluster& cluster, PipelinePlan plan);

}  // namespace isthmus
