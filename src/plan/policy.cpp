#include "plan/policy.h"

#include <algorithm>
#include <utility>

#include "plan/least_loaded.h"

namespace isthmus {
namespace {

bool lives(const std::string& machine, const std::set<std::string>& dead) {
  return dead.empty() || !dead.contains(machine);
}

// Null if none lives.
const std::string* first_living(const std::vector<std::string>& machines,
                                const std::set<std::string>& dead) {
  const auto found = std::ranges::find_if(
      machines, [&](const std::string& machine) { return lives(machine, dead); });
  return found == machines.end() ? nullptr : &*found;
}

// The least loaded of those that live, of which there is one.
const std::string* least_loaded(const std::vector<std::string>& machines,
                                const Situation& situation, std::uint32_t frame) {
  const auto known = situation.load.find(machines);
  std::vector<std::optional<Seconds>> loads;
  loads.reserve(machines.size());
  for (const std::string& machine : machines) {
    if (!lives(machine, situation.dead)) {
      loads.push_back(std::nullopt);
      continue;
    }
    loads.push_back(Seconds{0});
    if (known == situation.load.end()) continue;
    const auto load = known->second.find(machine);
    if (load != known->second.end()) loads.back() = load->second;
  }
  return &machines[*LeastLoaded(loads).choose(frame)];
}

// Without the machines of parts that are spread. Nothing if the plan needs a machine that is dead,
// which `reason` names then.
std::optional<Route> route_by(const Plan& plan, const std::set<std::string>& dead,
                              std::string& reason) {
  Route route;
  if (dead.contains(plan.sink)) {
    reason = plan.sink + " is gone";
    return std::nullopt;
  }
  for (const PlacedPart& part : plan.parts) {
    const std::string* first = first_living(part.machines, dead);
    if (first == nullptr) {
      reason = part.machines.front() + " is gone";
      return std::nullopt;
    }
    if (part.placement == Placement::kStandby) route.machine_of[part.name] = *first;
  }
  return route;
}

void choose_replicas(const std::vector<Plan>& ladder, const Situation& situation,
                     std::uint32_t frame, Route& route) {
  const std::vector<PlacedPart>& parts = ladder[route.plan].parts;
  for (const auto& group : replica_groups(ladder[route.plan])) {
    const std::string& chosen = *least_loaded(parts[group.front()].machines, situation, frame);
    for (const std::size_t part : group) route.machine_of[parts[part].name] = chosen;
  }
}

// Without the machines that a route which failed chose, as far as others can take their places.
Situation avoiding(const Plan& plan, const Situation& situation, const Route& failed) {
  Situation others = situation;
  const auto all_have_one = [&] {
    return std::ranges::all_of(plan.parts, [&](const PlacedPart& part) {
      return first_living(part.machines, others.dead) != nullptr;
    });
  };
  for (const PlacedPart& part : plan.parts) {
    const auto chosen = failed.machine_of.find(part.name);
    if (part.placement != Placement::kSpread || chosen == failed.machine_of.end()) continue;
    if (others.dead.insert(chosen->second).second && !all_have_one())
      others.dead.erase(chosen->second);
  }
  return others;
}

// From the plan `first` of the ladder on; the local answer if none goes. `settle` completes a route
// or refuses it.
template <typename Settle>
Route first_route(const std::vector<Plan>& ladder, std::size_t first,
                  const std::set<std::string>& dead, std::string reason, const Settle& settle) {
  for (std::size_t i = first; i < ladder.size(); ++i) {
    std::string why_not;
    auto route = route_by(ladder[i], dead, why_not);
    if (route) {
      route->plan = i;
      route->reason = i == 0 ? "" : reason;
      if (settle(*route)) return *route;
    }
    if (reason.empty()) reason = why_not;
  }
  return {.plan = ladder.size(), .machine_of = {}, .reason = reason};
}

}  // namespace

ReplicaGroups replica_groups(const Plan& plan) {
  ReplicaGroups groups;
  for (std::size_t i = 0; i < plan.parts.size(); ++i) {
    if (plan.parts[i].placement != Placement::kSpread) continue;
    const auto same = std::ranges::find_if(groups, [&](const std::vector<std::size_t>& group) {
      return plan.parts[group.front()].machines == plan.parts[i].machines;
    });
    if (same == groups.end())
      groups.push_back({i});
    else
      same->push_back(i);
  }
  return groups;
}

Seconds expected_load(std::span<const Seconds> times, int in_flight) {
  Seconds sum{0};
  for (const Seconds time : times) sum += time;
  return times.empty() ? sum : (in_flight + 1) * sum / static_cast<double>(times.size());
}

Route first_living_plan(const std::vector<Plan>& ladder, const std::set<std::string>& dead) {
  return first_route(ladder, 0, dead, "", [](Route&) { return true; });
}

Route admit_route(const std::vector<Plan>& ladder, const Situation& situation,
                  std::uint32_t frame) {
  Route route = first_living_plan(ladder, situation.dead);
  if (route.plan < ladder.size()) choose_replicas(ladder, situation, frame, route);
  return route;
}

std::set<std::string> machines_of(const std::vector<Plan>& ladder, const Route& route) {
  std::set<std::string> machines;
  if (route.plan >= ladder.size()) return machines;
  const Plan& plan = ladder[route.plan];
  if (!plan.sink.empty()) machines.insert(plan.sink);
  for (const PlacedPart& part : plan.parts) {
    const auto chosen = route.machine_of.find(part.name);
    if (chosen != route.machine_of.end())
      machines.insert(chosen->second);
    else if (part.machines.size() == 1)
      machines.insert(part.machines.front());
  }
  return machines;
}

std::vector<std::uint32_t> admission_edges(const Plan& plan, const std::string& source) {
  const std::vector<std::string> here{source};
  std::set<std::string> elsewhere;
  // By name: those of which the source may ask whether they have room.
  std::set<std::string> asked;
  for (const PlacedPart& part : plan.parts) {
    if (part.machines == here) continue;
    elsewhere.insert(part.name);
    if (part.placement != Placement::kRace) asked.insert(part.name);
  }
  const auto comes_from = [&](const PlanEdge& edge, const std::set<std::string>& parts) {
    return parts.contains(edge.edge.from_part);
  };
  // Parts may stand in any order.
  for (std::size_t known = 0; known != elsewhere.size();) {
    known = elsewhere.size();
    for (const PlanEdge& edge : plan.edges)
      if (comes_from(edge, elsewhere) && !edge.edge.to_part.empty())
        elsewhere.insert(edge.edge.to_part);
  }
  std::vector<std::uint32_t> edges;
  for (std::size_t i = 0; i < plan.edges.size(); ++i) {
    const PlanEdge& edge = plan.edges[i];
    if (!comes_from(edge, elsewhere) && asked.contains(edge.edge.to_part))
      edges.push_back(static_cast<std::uint32_t>(i));
  }
  return edges;
}

Route retry_route(const std::vector<Plan>& ladder, const Situation& situation, std::uint32_t frame,
                  const Route& failed, Seconds budget_left, Seconds local_time) {
  std::string reason = failed.reason;
  for (const std::string& machine : machines_of(ladder, failed))
    if (reason.empty() && situation.dead.contains(machine)) reason = machine + " is gone";
  if (reason.empty()) reason = "refused";
  const Seconds spare = budget_left - local_time;
  const auto settle = [&](Route& route) {
    choose_replicas(ladder, situation, frame, route);
    const auto is_same = [&] {
      return route.plan == failed.plan && route.machine_of == failed.machine_of;
    };
    if (is_same())
      choose_replicas(ladder, avoiding(ladder[route.plan], situation, failed), frame, route);
    if (is_same()) return false;
    const auto& predicted = ladder[route.plan].predicted;
    return spare > Seconds{0} && (!predicted || predicted->total <= spare);
  };
  Route route = first_route(ladder, failed.plan, situation.dead, reason, settle);
  route.reason = reason;
  return route;
}

Seconds local_answer_time(Seconds deadline, Seconds local_time) {
  return std::max(Seconds{0}, deadline - 1.1 * local_time - Seconds{0.005});
}

Seconds death_timeout(const LinkProfile& link, std::int64_t largest_message) {
  return std::max(Seconds{0.3}, 3 * (link.latency + time_on_air(link, largest_message)));
}

}  // namespace isthmus
