#pragma once

#include <functional>

#include "boards/spread_study.h"

namespace isthmus {

// Plans that are made, measured and played (boards/spread_study.h) until none is better.

// Whether every stage's layers can be cut by the shares that it has.
bool can_be_made(const Graph& graph, const PipelineProblem& problem, const PipelinePlan& pipeline);

using PlanPipeline =
    std::function<PipelinePlan(const PipelineProblem& problem, const Cluster& cluster)>;

// Plans, measures the parts, and plans again with what shards were measured to take in place of
// what was estimated (`request.rounds`). With `request.restricted` it does the same without shards
// but where memory asks for them, without machines in several stages and without replicas, where
// the plan has them or there is none. Of all these it takes what is fastest in virtual time. Where
// a machine's measured parts, shares being rounded to channels, and what waits for it in virtual
// time need more memory than it has, it plans again with less. Throws what `plan` throws, and
// Error{kUnsupported} for a plan that does not fit all the same.
SpreadResult spread_in_rounds(const NetworkUnderStudy& network, const Cluster& cluster,
                              const SpreadRequest& request, const PipelineProblem& problem,
                              const PlanPipeline& plan, Profile& known);

// Spreads a network over the cluster's machines: measures its units and plans in rounds. Slowdowns
// must be filled. Throws what plan_pipeline throws.
SpreadResult spread_network(const NetworkUnderStudy& network, const Cluster& cluster,
                            const SpreadRequest& request, Profile& known,
                            const Progress& progress = {});

// The same for a network that runs as `running`, some of whose machines may be gone: machines that
// are alike keep what they have, so that few weights travel.
SpreadResult spread_again(const NetworkUnderStudy& network, const Cluster& cluster,
                          const SpreadRequest& request, const Plan& running, Profile& known);

}  // namespace isthmus
