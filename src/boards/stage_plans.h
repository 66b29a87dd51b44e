#pragma once

#include <map>
#include <string>

#include "boards/spread_study.h"
#include "serve/staging.h"

namespace isthmus {

// What was sent ahead, and what could not be.
struct StagedPlans {
  // Bytes by machine that was reached.
  std::map<std::string, std::int64_t> sent;
  // Why a machine got nothing, or not all.
  std::map<std::string, std::string> unreachable;
  // Why there is no other plan, by the board that it would have to do without.
  std::map<std::string, std::string> no_plan_without;
};

// Sends ahead the parts that a plan over many boards needs, and those that another one would need
// if any single board of it died: planned as make_replan (boards/replan.h) does it, with what is
// measured for that added to `known`. `cluster` with its slowdowns filled in. The plan's own parts
// come last, so that they stay where an agent has no room for all. `progress` counts plans.
StagedPlans stage_plans(const LoadedPlan& plan, const NetworkUnderStudy& network,
                        const Cluster& cluster, const SpreadRequest& request, Profile& known,
                        const StagingOptions& options, const Progress& progress = {});

}  // namespace isthmus
