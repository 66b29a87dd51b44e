#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "sim/simulator.h"

namespace isthmus {

void Simulator::find_spreads() {
  std::map<std::vector<std::uint32_t>, std::uint32_t> lists;
  spreads_.resize(plans_.size());
  choosing_.resize(plans_.size());
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    for (std::uint32_t p = 0; p < plans_[i].parts.size(); ++p) {
      const CompiledPart& part = plans_[i].parts[p];
      if (part.placement == Placement::kStandby) choosing_[i].push_back(p);
      if (part.placement != Placement::kSpread) continue;
      const auto [known, fresh] =
          lists.try_emplace(part.machines, static_cast<std::uint32_t>(replicas_.size()));
      const std::uint32_t list = known->second;
      if (fresh) {
        const std::vector<std::optional<Seconds>> idle(part.machines.size(), Seconds{0});
        replicas_.emplace_back(idle);
        // The runtime knows no load of the source's own machine, which counts as idle.
        for (std::uint32_t place = 0; place < part.machines.size(); ++place)
          if (part.machines[place] != source_)
            nodes_[part.machines[place]].replica_of.push_back({list, place});
      }
      const auto spread = std::ranges::find(spreads_[i], list, &Spread::list);
      if (spread == spreads_[i].end()) {
        spreads_[i].push_back({list, {p}});
        choosing_[i].push_back(p);
      } else {
        spread->parts.push_back(p);
      }
    }
  }
}

const Simulator::Course& Simulator::course_of_new_frame(std::uint32_t frame) {
  if (!newest_is_known_) {
    newest_ = course_of(first_living_plan(ladder_, dead_));
    newest_is_known_ = true;
  }
  for (const Spread& spread : spreads_[newest_.plan]) {
    const auto chosen = static_cast<std::uint32_t>(*replicas_[spread.list].choose(frame));
    for (const std::uint32_t part : spread.parts) newest_.ordinal[part] = chosen;
  }
  return newest_;
}

Simulator::Course Simulator::course_of(const Route& route) const {
  const auto& parts = plans_[route.plan].parts;
  Course course{.plan = static_cast<std::uint32_t>(route.plan),
                .ordinal = std::vector<std::uint32_t>(parts.size(), 0),
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
  for (const Node& node : nodes_)
    if (first_time_ && !node.replica_of.empty()) situation.load[node.machine->name] = load_of(node);
  return situation;
}

// Each of its machines counts a frame once, however many of its parts are there.
void Simulator::join_replicas(Attempt& attempt) {
  const CompiledPlan& plan = plan_of(attempt);
  const std::vector<std::uint32_t>& choosing = choosing_[attempt.course.plan];
  attempt.work.assign(choosing.empty() ? 0 : plan.stands, {});
  for (const std::uint32_t p : choosing) {
    const std::uint32_t ordinal = attempt.course.ordinal[p];
    if (std::exchange(work_at(attempt, plan.parts[p], ordinal).chosen, true)) continue;
    Node& node = nodes_[plan.parts[p].machines[ordinal]];
    ++node.in_flight;
    note_load(node);
  }
}

// What an answered frame took is remembered. Of the first that is answered it is, as in the
// runtime, the time of the machine whose name comes first.
void Simulator::leave_replicas(Attempt& attempt, bool answered) {
  const CompiledPlan& plan = plan_of(attempt);
  const Node* first = nullptr;
  for (const std::uint32_t p : choosing_[attempt.course.plan]) {
    const std::uint32_t ordinal = attempt.course.ordinal[p];
    Work& work = work_at(attempt, plan.parts[p], ordinal);
    if (!std::exchange(work.chosen, false)) continue;
    const std::uint32_t machine = plan.parts[p].machines[ordinal];
    Node& node = nodes_[machine];
    --node.in_flight;
    // A frame that left by an exit was not there.
    if (answered && work.time > 0 && machine != source_) {
      note_time(node, Seconds{work.time});
      if (!first_time_ && (first == nullptr || node.machine->name < first->machine->name))
        first = &node;
    }
    note_load(node);
  }
  if (first == nullptr) return;
  first_time_ = first->times.front();
  for (const Node& each : nodes_) note_load(each);
}

void Simulator::note_work(const Core& done) {
  Attempt& attempt = attempts_[done.job.attempt];
  if (attempt.work.empty()) return;
  const auto part = static_cast<std::size_t>(done.job.part);
  work_at(attempt, plan_of(attempt).parts[part], done.job.ordinal).time += done.work;
}

void Simulator::note_time(Node& node, Seconds work) {
  if (node.times.empty()) node.times.reserve(kRememberedTimes);
  if (node.times.size() < kRememberedTimes)
    node.times.push_back(work);
  else
    node.times[node.next_time++ % kRememberedTimes] = work;
}

Seconds Simulator::load_of(const Node& node) const {
  if (!node.times.empty() || !first_time_) return expected_load(node.times, node.in_flight);
  return expected_load({&*first_time_, 1}, node.in_flight);
}

void Simulator::note_load(const Node& node) {
  if (node.replica_of.empty() || dead_.contains(node.machine->name)) return;
  const Seconds load = load_of(node);
  for (const auto& [list, place] : node.replica_of) replicas_[list].set(place, load);
}

void Simulator::note_dead(std::uint32_t machine, bool dead) {
  const Node& node = nodes_[machine];
  if (dead)
    dead_.insert(node.machine->name);
  else
    dead_.erase(node.machine->name);
  newest_is_known_ = false;
  for (const auto& [list, place] : node.replica_of) replicas_[list].set(place, std::nullopt);
  note_load(node);
}

}  // namespace isthmus
