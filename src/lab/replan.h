#pragma once

#include "lab/spread_study.h"
#include "serve/source.h"

namespace isthmus {

// Plans a network anew while it runs (SourceOptions::replan): over the machines that are left, each
// as fast as its parts were measured to be. `cluster` with its slowdowns filled in. The network is
// measured here beforehand, as spread_network does.
Replan make_replan(NetworkUnderStudy network, Cluster cluster, SpreadRequest request,
                   Profile profile);

// The cluster without some of its machines.
Cluster without(Cluster cluster, const std::set<std::string>& machines);

// Slowdowns in proportion to how long the parts really took: what was measured of all runs on a
// machine, over what the profile and its slowdown say. Machines that ran nothing stay as they are.
Cluster as_measured(Cluster cluster, const Statistics& measured,
                    const std::map<std::string, Seconds>& time_of_part);

}  // namespace isthmus
