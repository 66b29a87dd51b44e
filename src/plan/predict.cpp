#include "plan/predict.h"

#include <algorithm>
#include <cmath>

#include "plan/costs.h"
#include "plan/frame_walk.h"

namespace isthmus {
namespace {

struct Weighted {
  WalkCase which;
  double weight;
};

// Every case and how often it happens.
std::vector<Weighted> cases_of(const Plan& plan, const Cluster& cluster) {
  std::size_t turns = 1;
  for (const PlacedPart& part : plan.parts)
    if (part.placement == Placement::kSpread) turns = std::max(turns, part.machines.size());
  const auto differs = [](const LinkProfile& link) { return link.trace || link.loss > 0; };
  const bool varies = std::ranges::any_of(cluster.links,
                                          [&](const ClusterLink& link) {
                                            return differs(link.up) || differs(link.down);
                                          }) ||
                      std::ranges::any_of(cluster.networks, differs, &ClusterNetwork::link);
  const int starts = varies ? kTraceStarts : 1;
  std::vector<Weighted> cases;
  for (std::size_t turn = 0; turn < turns; ++turn) {
    for (int start = 0; start < starts; ++start) {
      double left = 1.0 / (static_cast<double>(turns) * starts);
      for (std::size_t gate = 0; gate < plan.gates.size(); ++gate) {
        const double taken = left * plan.gates[gate].taken;
        if (taken > 0) cases.push_back({{turn, gate, start}, taken});
        left -= taken;
      }
      if (left > 0) cases.push_back({{turn, kNoGate, start}, left});
    }
  }
  return cases;
}

}  // namespace

Prediction predict(const LoadedPlan& plan, const Cluster& cluster, const Profile& profile) {
  return predict(plan.plan, cluster, profile);
}

Prediction predict(const Plan& plan, const Cluster& cluster, const Profile& profile) {
  check_plan(plan, cluster);
  const PlanCosts costs = costs_of(plan, cluster.source, profile);
  Prediction mean;
  double bytes = 0;
  for (const auto& [which, weight] : cases_of(plan, cluster)) {
    const Prediction one = walk_frame(plan, cluster, costs, which);
    mean.total += weight * one.total;
    for (const auto& [name, value] : one.parts_ms) mean.parts_ms[name] += weight * value;
    bytes += weight * static_cast<double>(one.bytes_per_frame);
    mean.energy_mj += weight * one.energy_mj;
  }
  mean.bytes_per_frame = static_cast<std::int64_t>(std::llround(bytes));
  return mean;
}

}  // namespace isthmus
