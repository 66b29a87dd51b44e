#pragma once

#include <optional>

#include "pipeline/pipeline.h"

namespace isthmus {

// The plan with the highest throughput of all that a small problem has, machines in any number of
// stages included: depth first, leaving out what is no faster than `bound`. Nothing if no plan is,
// or if there are too many of them to be looked at.
std::optional<PipelinePlan> fastest_of_all(const PipelineProblem& problem, const Cluster& cluster,
                                           std::optional<Seconds> bound);

}  // namespace isthmus
