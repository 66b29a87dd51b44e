#include "boards/stage_plans.h"

#include <set>

#include "boards/replan.h"
#include "boards/spread_search.h"
#include "core/error.h"

namespace isthmus {
namespace {

std::set<std::string> boards_of(const Plan& plan, const std::string& source) {
  std::set<std::string> boards;
  for (const PlacedPart& part : plan.parts)
    boards.insert(part.machines.begin(), part.machines.end());
  boards.erase(source);
  return boards;
}

}  // namespace

StagedPlans stage_plans(const LoadedPlan& plan, const NetworkUnderStudy& network,
                        const Cluster& cluster, const SpreadRequest& request, Profile& known,
                        const StagingOptions& options, const Progress& progress) {
  Staging staging(cluster, options);
  StagedPlans staged;
  const std::set<std::string> boards = boards_of(plan.plan, cluster.source);
  const auto plans = static_cast<std::int64_t>(boards.size()) + 1;
  std::int64_t done = 0;
  // One after the other: each plan has all weights in memory.
  for (const std::string& board : boards) {
    try {
      const Cluster rest = without(cluster, {board});
      staging.send(spread_again(network, rest, request, plan.plan, known).plan);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) throw;
      staged.no_plan_without[board] = error.what();
    }
    if (progress) progress(++done, plans);
  }
  staging.send(plan);
  if (progress) progress(plans, plans);
  staged.sent = staging.sent();
  staged.unreachable = staging.failures();
  return staged;
}

}  // namespace isthmus
