#include "boards/replan.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "boards/network_measurement.h"
#include "boards/spread_search.h"
#include "core/error.h"
#include "core/log.h"
#include "plan/costs.h"

namespace isthmus {
namespace {

// As much as a machine must hold up the others for a planner to be asked
// (SourceOptions::replan_threshold).
constexpr double kSpeedStep = 0.2;
// Of the seconds between answers, or of a frame alone.
constexpr double kLeastGain = 0.05;

// Parts that a machine holds are reported before they run.
bool has_run(const Statistics& measured, const std::string& machine) {
  const auto parts = measured.machines.find(machine);
  return parts != measured.machines.end() &&
         std::ranges::any_of(parts->second, [](const auto& part) {
           return part.second.runs > 0 && part.second.mean > Seconds{0};
         });
}

bool uses_any(const Plan& plan, const std::set<std::string>& machines) {
  return std::ranges::any_of(plan.parts, [&](const PlacedPart& part) {
    return std::ranges::any_of(part.machines,
                               [&](const std::string& name) { return machines.contains(name); });
  });
}

// What the planner knows; one call at a time (SourceOptions::replan).
class Replanner {
 public:
  Replanner(NetworkUnderStudy network, Cluster cluster, SpreadRequest request, Profile profile,
            const LoadedPlan& running)
      : network_(std::move(network)),
        given_(std::move(cluster)),
        cluster_(given_),
        request_(std::move(request)),
        profile_(std::move(profile)),
        made_{running.plan} {
    NetworkMeasurement(network_.graph, profile_, request_.runs).plan(running);
  }

  std::optional<LoadedPlan> plan(const Statistics& measured, const std::set<std::string>& dead) {
    try {
      const Plan* running = plan_of(measured);
      if (running) learn_speeds(*running, measured);
      const Cluster now = without(cluster_, dead);
      SpreadResult next = running ? spread_again(network_, now, request_, *running, profile_)
                                  : spread_network(network_, now, request_, profile_);
      if (running && !uses_any(*running, dead) && !is_worth_changing(*running, next, now))
        return std::nullopt;
      made_.push_back(next.plan.plan);
      return std::move(next.plan);
    } catch (const Error& error) {
      log_warning(std::string("no other plan: ") + error.what());
      return std::nullopt;
    }
  }

 private:
  const Plan* plan_of(const Statistics& measured) const {
    for (auto plan = made_.rbegin(); plan != made_.rend(); ++plan)
      if (measured.plan == plan->name && measured.parts == plan->parts) return &*plan;
    return nullptr;
  }

  // Machines that ran nothing keep what was learned before: one that is too slow for any part would
  // otherwise get one again.
  void learn_speeds(const Plan& running, const Statistics& measured) {
    const PlanCosts costs = costs_of(running, given_.source, profile_);
    const Cluster now = with_measured_speeds(given_, running, costs, measured, kSpeedStep);
    for (std::size_t i = 0; i < now.machines.size(); ++i)
      if (has_run(measured, now.machines[i].name)) cluster_.machines[i] = now.machines[i];
  }

  bool is_worth_changing(const Plan& running, const SpreadResult& next, const Cluster& now) const {
    const double old =
        value_of(play_spread(running, now, profile_, request_.frames), request_.objective);
    const double gain = 1 - value_of(next.outcome, request_.objective) / old;
    if (gain < kLeastGain)
      log_info(fmt::format("kept {}: another plan gains {:.1f} %", running.name, 100 * gain));
    return gain >= kLeastGain;
  }

  const NetworkUnderStudy network_;
  // As it was given, and with what was learned of its machines.
  const Cluster given_;
  Cluster cluster_;
  const SpreadRequest request_;
  Profile profile_;
  // The plan that ran at first, and all that were given since: any may be the one that runs, for a
  // plan may have been refused.
  std::vector<Plan> made_;
};

}  // namespace

Cluster without(Cluster cluster, const std::set<std::string>& machines) {
  const auto gone = [&](const std::string& machine) { return machines.contains(machine); };
  std::erase_if(cluster.machines, [&](const Machine& machine) { return gone(machine.name); });
  std::erase_if(cluster.links,
                [&](const ClusterLink& link) { return gone(link.a) || gone(link.b); });
  // One that names no machines would be a network of all.
  std::erase_if(cluster.networks, [&](const ClusterNetwork& network) {
    return !network.machines.empty() && std::ranges::all_of(network.machines, gone);
  });
  for (ClusterNetwork& network : cluster.networks) std::erase_if(network.machines, gone);
  return cluster;
}

Replan make_replan(NetworkUnderStudy network, Cluster cluster, SpreadRequest request,
                   Profile profile, const LoadedPlan& running) {
  auto replanner = std::make_shared<Replanner>(std::move(network), std::move(cluster),
                                               std::move(request), std::move(profile), running);
  return [replanner](const Statistics& measured, const std::set<std::string>& dead) {
    return replanner->plan(measured, dead);
  };
}

}  // namespace isthmus
