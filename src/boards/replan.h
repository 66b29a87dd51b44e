#pragma once

#include <set>
#include <string>

#include "boards/spread_study.h"
#include "serve/source.h"

namespace isthmus {

// Plans a network anew while it runs (SourceOptions::replan): over the machines that are left, each
// as fast as its parts were measured to be, and so that machines that are alike keep what they
// have. A plan that gains less than a twentieth on the one that runs is not worth the change.
//
// `cluster` with its slowdowns filled in. What `running`, the plan that runs at first, lacks in
// `profile` is measured at once, what else the planner lacks when it is asked.
Replan make_replan(NetworkUnderStudy network, Cluster cluster, SpreadRequest request,
                   Profile profile, const LoadedPlan& running);

// The cluster without some of its machines.
Cluster without(Cluster cluster, const std::set<std::string>& machines);

}  // namespace isthmus
