#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "sim/simulator.h"

namespace isthmus {

void Simulator::find_spreads() {
  std::map<std::vector<std::uint32_t>, std::uint32_t> lists;
  spreads_.resize(plans_.size());
  spread_of_.resize(plans_.size());
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    spread_of_[i].assign(plans_[i].parts.size(), kNone);
    for (std::uint32_t p = 0; p < plans_[i].parts.size(); ++p) {
      const CompiledPart& part = plans_[i].parts[p];
      if (part.placement != Placement::kSpread) continue;
      const auto [known, fresh] =
          lists.try_emplace(part.machines, static_cast<std::uint32_t>(replicas_.size()));
      const std::uint32_t list = known->second;
      if (fresh) {
        const std::vector<std::optional<Seconds>> idle(part.machines.size(), Seconds{0});
        replicas_.push_back({.replicas = {}, .loads = LeastLoaded(idle), .first_time = {}});
        for (std::uint32_t place = 0; place < part.machines.size(); ++place) {
          replicas_.back().replicas.push_back(
              {.machine = part.machines[place], .in_flight = 0, .times = {}, .next_time = 0});
          nodes_[part.machines[place]].replica_of.push_back({list, place});
        }
      }
      auto spread = std::ranges::find(spreads_[i], list, &Spread::list);
      if (spread == spreads_[i].end()) spread = spreads_[i].insert(spread, {list, {}});
      spread->parts.push_back(p);
      spread_of_[i][p] = static_cast<std::uint32_t>(spread - spreads_[i].begin());
    }
  }
}

const Simulator::Course& Simulator::course_of_new_frame(std::uint32_t frame) {
  if (!newest_is_known_) {
    newest_ = course_of(first_living_plan(ladder_, dead_));
    newest_is_known_ = true;
  }
  for (const Spread& spread : spreads_[newest_.plan]) {
    const auto chosen = static_cast<std::uint32_t>(*replicas_[spread.list].loads.choose(frame));
    for (const std::uint32_t part : spread.parts) newest_.ordinal[part] = chosen;
  }
  return newest_;
}

Simulator::Course Simulator::course_of(const Route& route) const {
  const auto& parts = plans_[route.plan].parts;
  Course course{.plan = static_cast<std::uint32_t>(route.plan),
                .ordinal = Few<std::uint32_t>(parts.size(), 0),
                .reason = route.reason};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto chosen = route.machine_of.find(parts[i].name);
    if (chosen == route.machine_of.end()) continue;
    const auto place = std::ranges::find(parts[i].machines, index_.machine(chosen->second));
    course.ordinal[i] = static_cast<std::uint32_t>(place - parts[i].machines.begin());
  }
  return course;
}

Simulator::Course Simulator::local_course(const std::string& reason) const {
  return course_of({.plan = ladder_.size(), .machine_of = {}, .reason = reason});
}

Route Simulator::route_of(const Course& course) const {
  Route route{.plan = course.plan, .machine_of = {}, .reason = course.reason};
  const auto& parts = plans_[course.plan].parts;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i].is_chosen())
      route.machine_of[parts[i].name] = nodes_[parts[i].machines[course.ordinal[i]]].machine->name;
  return route;
}

Situation Simulator::situation() const {
  Situation situation{.dead = dead_, .load = {}};
  for (const ReplicaList& list : replicas_) {
    if (!list.first_time) continue;
    std::vector<std::string> machines;
    std::unordered_map<std::string, Seconds> load;
    for (const Replica& replica : list.replicas) {
      machines.push_back(nodes_[replica.machine].machine->name);
      load[machines.back()] = load_of(list, replica);
    }
    situation.load[std::move(machines)] = std::move(load);
  }
  return situation;
}

void Simulator::join_replicas(Attempt& attempt) {
  const std::vector<Spread>& spreads = spreads_[attempt.course.plan];
  attempt.ran.assign(spreads.size(), 0);
  for (const Spread& spread : spreads) {
    ReplicaList& list = replicas_[spread.list];
    const std::uint32_t place = attempt.course.ordinal[spread.parts.front()];
    ++list.replicas[place].in_flight;
    note_load(list, place);
  }
}

// What an answered frame took is remembered.
void Simulator::leave_replicas(Attempt& attempt, bool answered) {
  const std::vector<Spread>& spreads = spreads_[attempt.course.plan];
  for (std::size_t i = 0; i < attempt.ran.size(); ++i) {
    ReplicaList& list = replicas_[spreads[i].list];
    const std::uint32_t place = attempt.course.ordinal[spreads[i].parts.front()];
    Replica& replica = list.replicas[place];
    --replica.in_flight;
    // A frame that left by an exit was not there.
    if (answered && attempt.ran[i] > 0) {
      note_time(replica, Seconds{attempt.ran[i]});
      if (!list.first_time) {
        list.first_time = Seconds{attempt.ran[i]};
        for (std::size_t other = 0; other < list.replicas.size(); ++other) note_load(list, other);
      }
    }
    note_load(list, place);
  }
  attempt.ran.clear();
}

void Simulator::note_work(const Core& done) {
  Attempt& attempt = attempts_[done.job.attempt];
  if (attempt.ran.empty()) return;
  const std::uint32_t spread =
      spread_of_[attempt.course.plan][static_cast<std::size_t>(done.job.part)];
  if (spread != kNone) attempt.ran[spread] += done.run;
}

void Simulator::note_time(Replica& replica, Seconds ran) {
  if (replica.times.empty()) replica.times.reserve(kRememberedTimes);
  if (replica.times.size() < kRememberedTimes)
    replica.times.push_back(ran);
  else
    replica.times[replica.next_time++ % kRememberedTimes] = ran;
}

Seconds Simulator::load_of(const ReplicaList& list, const Replica& replica) {
  if (!replica.times.empty() || !list.first_time)
    return expected_load(replica.times, replica.in_flight);
  return expected_load({&*list.first_time, 1}, replica.in_flight);
}

void Simulator::note_load(ReplicaList& list, std::size_t place) {
  const Replica& replica = list.replicas[place];
  if (dead_.contains(nodes_[replica.machine].machine->name)) return;
  list.loads.set(place, load_of(list, replica));
}

void Simulator::note_dead(std::uint32_t machine, bool dead) {
  const Node& node = nodes_[machine];
  if (dead)
    dead_.insert(node.machine->name);
  else
    dead_.erase(node.machine->name);
  newest_is_known_ = false;
  for (const auto& [list, place] : node.replica_of) {
    replicas_[list].loads.set(place, std::nullopt);
    note_load(replicas_[list], place);
  }
}

}  // namespace isthmus
