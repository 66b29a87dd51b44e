#pragma once

#include "plan/cluster.h"
#include "plan/plan.h"

namespace isthmus {

// Gives every machine that has a device preset and no slowdown of its own the one for this plan's
// network: the whole is measured here and held against what was published (plan/devices.h). Does
// nothing where there is no such machine.
void fill_slowdowns(Cluster& cluster, const LoadedPlan& plan);

}  // namespace isthmus
