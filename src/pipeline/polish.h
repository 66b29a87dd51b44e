#pragma once

#include "pipeline/pipeline.h"

namespace isthmus {

// Moves boundaries between stages that are no shards, machines from stage to stage and, of at most
// kFewMachines, units to a machine that has others, as long as the period falls, or with the same
// period the sum of those of the stages.
PipelinePlan polished(const PipelineProblem& problem, const Cluster& cluster, PipelinePlan plan);

}  // namespace isthmus
