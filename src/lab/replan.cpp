#include "lab/replan.h"

#include <algorithm>
#include <memory>

#include "core/error.h"
#include "core/log.h"

namespace isthmus {
namespace {

// What the planner knows; one call at a time (SourceOptions::replan).
struct Planner {
  NetworkUnderStudy network;
  Cluster cluster;
  SpreadRequest request;
  Profile profile;

  std::optional<LoadedPlan> plan(const Statistics& measured, const std::set<std::string>& dead) {
    std::map<std::string, Seconds> times;
    for (const auto& [part, hash] : hashes)
      if (const auto found = profile.parts.find(hash); found != profile.parts.end())
        times[part] = found->second.median;
    const Cluster now = as_measured(without(cluster, dead), measured, times);
    try {
      SpreadResult result = spread_network(network, now, request, profile);
      hashes.clear();
      for (const PlacedPart& part : result.plan.plan.parts) hashes[part.name] = part.sha256;
      return std::move(result.plan);
    } catch (const Error& error) {
      log_warning(std::string("no other plan: ") + error.what());
      return std::nullopt;
    }
  }

  // Parts of the plan that was made last.
  std::map<std::string, std::string> hashes;
};

}  // namespace

Cluster without(Cluster cluster, const std::set<std::string>& machines) {
  const auto gone = [&](const std::string& machine) { return machines.contains(machine); };
  std::erase_if(cluster.machines, [&](const Machine& machine) { return gone(machine.name); });
  std::erase_if(cluster.links,
                [&](const ClusterLink& link) { return gone(link.a) || gone(link.b); });
  for (ClusterNetwork& network : cluster.networks) std::erase_if(network.machines, gone);
  return cluster;
}

Cluster as_measured(Cluster cluster, const Statistics& measured,
                    const std::map<std::string, Seconds>& time_of_part) {
  for (Machine& machine : cluster.machines) {
    const auto parts = measured.machines.find(machine.name);
    if (parts == measured.machines.end()) continue;
    Seconds expected{0};
    Seconds taken{0};
    for (const auto& [part, statistics] : parts->second) {
      const auto time = time_of_part.find(part);
      if (time == time_of_part.end() || statistics.runs == 0) continue;
      const auto runs = static_cast<double>(statistics.runs);
      expected += runs * machine.slowdown * time->second;
      taken += runs * statistics.mean;
    }
    if (expected > Seconds{0} && taken > Seconds{0}) machine.slowdown *= taken / expected;
  }
  return cluster;
}

Replan make_replan(NetworkUnderStudy network, Cluster cluster, SpreadRequest request,
                   Profile profile) {
  auto planner = std::make_shared<Planner>(Planner{.network = std::move(network),
                                                   .cluster = std::move(cluster),
                                                   .request = std::move(request),
                                                   .profile = std::move(profile),
                                                   .hashes = {}});
  return [planner](const Statistics& measured, const std::set<std::string>& dead) {
    return planner->plan(measured, dead);
  };
}

}  // namespace isthmus
