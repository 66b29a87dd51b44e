#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "pipeline/pipeline.h"

namespace isthmus {

// Step 3 of Procedure 1 (paper 4, section 5): a plan is made anew with what was measured in place
// of what was predicted. Here that of shards, whose times are estimated before; that of machines is
// with_measured_speeds (plan/replanning.h).

// By stage and machine, as in PipelineStage::machines: how long one run takes on a machine of
// slowdown 1.
using StageTimes = std::vector<std::vector<Seconds>>;

// The problem with what the shards of a plan were measured to take in place of what was estimated
// for their options, in proportion. Units stay, for they were measured themselves. Throws
// Error{kInvalid} if the times do not fit the plan.
PipelineProblem with_measured_shards(PipelineProblem problem, const PipelinePlan& plan,
                                     const StageTimes& measured);

// Indices of the units that a machine has in a plan, whole or in part, by machine.
using UnitsOfMachines = std::map<std::string, std::set<std::size_t>>;

// Exchanges machines of a plan that are alike so that they keep the units that they have, and few
// weights travel. `held` may name machines that are gone.
PipelinePlan keeping_machines(const PipelineProblem& problem, const Cluster& cluster,
                              const UnitsOfMachines& held, PipelinePlan plan);

}  // namespace isthmus
