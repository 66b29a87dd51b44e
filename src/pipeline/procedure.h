#pragma once

#include <cstdint>
#include <optional>

#include "pipeline/pipeline.h"

namespace isthmus {

// Procedure 1 of paper 4 (section 5), for comparison with plan_pipeline.
//
// Step 1: a layer whose footprint is over the memory of every machine is sharded, as few times as
// fit (also where the machine could swap). Step 2: in the order of the layers, groups of equal
// latency: the lowest target for which the machines suffice, fastest first, when each takes layers
// up to the target, and a layer that takes longer alone is shared by shards or, without an option,
// by replicas. What is sent does not count, as in the paper. Step 3 is pipeline/measured.h.
//
// Throws as plan_pipeline does.
PipelinePlan procedure_1(const PipelineProblem& problem, const Cluster& cluster);

// The paper's baseline (section 6): contiguous stages cut at random on machines in random order,
// every machine used where there are enough units, layers that do not fit sharded as in step 1.
// Equal seeds, equal plans. Throws as plan_pipeline does.
PipelinePlan random_assignment(const PipelineProblem& problem, const Cluster& cluster,
                               std::uint64_t seed);
// The same; nothing where none of its tries fits.
std::optional<PipelinePlan> try_random_assignment(const PipelineProblem& problem,
                                                  const Cluster& cluster, std::uint64_t seed);

}  // namespace isthmus
