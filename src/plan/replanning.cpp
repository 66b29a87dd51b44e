#include "plan/replanning.h"

#include <algorithm>
#include <cmath>

namespace isthmus {

MachineLoad machine_load(const Plan& plan, const Cluster& cluster, const Statistics& statistics,
                         std::int64_t min_runs) {
  MachineLoad load;
  for (const PlacedPart& part : plan.parts) {
    std::map<std::string, PartStatistics> measured;
    std::int64_t runs = 0;
    for (const std::string& name : part.machines) {
      const auto machine = statistics.machines.find(name);
      if (machine == statistics.machines.end()) continue;
      const auto found = machine->second.find(part.name);
      if (found == machine->second.end()) continue;
      measured.emplace(name, found->second);
      runs += found->second.runs;
    }
    if (runs < std::max<std::int64_t>(min_runs, 1)) return {};
    for (const auto& [name, one] : measured) {
      const double share = part.placement == Placement::kRace
                               ? 1
                               : static_cast<double>(one.runs) / static_cast<double>(runs);
      load[name] += share * one.busy / cluster.machine(name).cores;
    }
  }
  return load;
}

std::map<std::string, double> waiting_frames(const Statistics& statistics) {
  std::map<std::string, double> result;
  for (const auto& [machine, parts] : statistics.machines) {
    double frames = 0;
    double waiting = 0;
    for (const auto& [part, counts] : parts)
      for (std::size_t i = 0; i < counts.waiting.size(); ++i) {
        frames += static_cast<double>(counts.waiting[i]);
        waiting += static_cast<double>(i) * static_cast<double>(counts.waiting[i]);
      }
    if (frames > 0) result[machine] = waiting / frames;
  }
  return result;
}

bool is_worth_replanning(const MachineLoad& now, const MachineLoad& asked, double threshold) {
  if (now.empty()) return false;
  Seconds sum{0};
  Seconds busiest{0};
  for (const auto& [machine, busy] : now) {
    sum += busy;
    busiest = std::max(busiest, busy);
  }
  const Seconds even = sum / static_cast<double>(now.size());
  if (busiest <= (1 + threshold) * even) return false;
  return std::ranges::any_of(now, [&](const auto& entry) {
    const auto before = asked.find(entry.first);
    if (before == asked.end()) return true;
    // Of a machine that has little to do, no change matters.
    return std::abs((entry.second - before->second).count()) > threshold * even.count();
  });
}

Cluster with_measured_speeds(Cluster cluster, const Plan& plan, const PlanCosts& costs,
                             const Statistics& measured, double step) {
  for (Machine& machine : cluster.machines) {
    const auto parts = measured.machines.find(machine.name);
    if (parts == measured.machines.end()) continue;
    Seconds expected{0};
    Seconds taken{0};
    for (std::size_t i = 0; i < plan.parts.size(); ++i) {
      const auto part = parts->second.find(plan.parts[i].name);
      if (part == parts->second.end()) continue;
      const auto runs = static_cast<double>(part->second.runs);
      // Swapping takes what it takes, however fast the machine is.
      const Seconds work = machine.slowdown * costs.parts[i].median;
      expected += runs * work;
      taken += runs * (part->second.mean - (run_time(plan, costs, i, machine) - work));
    }
    if (expected <= Seconds{0} || taken <= Seconds{0}) continue;
    double ratio = taken / expected;
    if (step > 0) ratio = std::pow(1 + step, std::round(std::log(ratio) / std::log1p(step)));
    machine.slowdown *= ratio;
  }
  return cluster;
}

}  // namespace isthmus
