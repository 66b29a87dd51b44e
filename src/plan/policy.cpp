#include "plan/policy.h"

#include <algorithm>
#include <limits>

namespace isthmus {
namespace {

std::vector<const std::string*> living(const PlacedPart& part, const std::set<std::string>& dead) {
  std::vector<const std::string*> machines;
  for (const std::string& machine : part.machines)
    if (!dead.contains(machine)) machines.push_back(&machine);
  return machines;
}

// The least loaded; equals take turns by frame number.
const std::string& least_loaded(const std::vector<const std::string*>& machines,
                                const Situation& situation, std::uint32_t frame) {
  Seconds least{std::numeric_limits<double>::infinity()};
  std::vector<const std::string*> best;
  for (const std::string* machine : machines) {
    const auto load = situation.load.find(*machine);
    const Seconds time = load == situation.load.end() ? Seconds{0} : load->second;
    if (time > least) continue;
    if (time < least) best.clear();
    least = time;
    best.push_back(machine);
  }
  return *best[frame % best.size()];
}

// Nothing if the plan needs a machine that is dead, which `reason` names then.
std::optional<Route> route_by(const Plan& plan, const Situation& situation, std::uint32_t frame,
                              std::string& reason) {
  Route route;
  if (situation.dead.contains(plan.sink)) {
    reason = plan.sink + " is gone";
    return std::nullopt;
  }
  // Parts spread over the same machines meet on one of them.
  const auto by_names = [](const auto* a, const auto* b) { return *a < *b; };
  std::map<const std::vector<std::string>*, const std::string*, decltype(by_names)> chosen(
      by_names);
  for (const PlacedPart& part : plan.parts) {
    const auto machines = living(part, situation.dead);
    if (machines.empty()) {
      reason = part.machines.front() + " is gone";
      return std::nullopt;
    }
    if (part.placement == Placement::kSpread)
      route.machine_of[part.name] =
          *chosen.try_emplace(&part.machines, &least_loaded(machines, situation, frame))
               .first->second;
    else if (part.placement == Placement::kStandby)
      route.machine_of[part.name] = *machines.front();
  }
  return route;
}

// From the plan `first` of the ladder on; the local answer if none goes. `fits` may refuse a route.
template <typename Fits>
Route first_route(const std::vector<Plan>& ladder, std::size_t first, const Situation& situation,
                  std::uint32_t frame, std::string reason, const Fits& fits) {
  for (std::size_t i = first; i < ladder.size(); ++i) {
    std::string why_not;
    auto route = route_by(ladder[i], situation, frame, why_not);
    if (route) {
      route->plan = i;
      route->reason = i == 0 ? "" : reason;
      if (fits(*route)) return *route;
    }
    if (reason.empty()) reason = why_not;
  }
  return {.plan = ladder.size(), .machine_of = {}, .reason = reason};
}

}  // namespace

Seconds expected_load(std::span<const Seconds> times, int in_flight) {
  Seconds sum{0};
  for (const Seconds time : times) sum += time;
  return times.empty() ? sum : (in_flight + 1) * sum / static_cast<double>(times.size());
}

Route admit_route(const std::vector<Plan>& ladder, const Situation& situation,
                  std::uint32_t frame) {
  return first_route(ladder, 0, situation, frame, "", [](const Route&) { return true; });
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

Route retry_route(const std::vector<Plan>& ladder, const Situation& situation, std::uint32_t frame,
                  const Route& failed, Seconds budget_left, Seconds local_time) {
  std::string reason = failed.reason;
  for (const std::string& machine : machines_of(ladder, failed))
    if (reason.empty() && situation.dead.contains(machine)) reason = machine + " is gone";
  if (reason.empty()) reason = "refused";
  const Seconds spare = budget_left - local_time;
  const auto fits = [&](const Route& route) {
    if (route.plan == failed.plan && route.machine_of == failed.machine_of) return false;
    const auto& predicted = ladder[route.plan].predicted;
    return spare > Seconds{0} && (!predicted || predicted->total <= spare);
  };
  Route route = first_route(ladder, failed.plan, situation, frame, reason, fits);
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
