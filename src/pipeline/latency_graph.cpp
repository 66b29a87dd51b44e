#include "pipeline/latency_graph.h"

#include <algorithm>

#include "pipeline/latency.h"
#include "pipeline/machine_classes.h"

namespace isthmus {
namespace {

// All teams of machines in any order share a layer up to so many machines; else the fastest k.
constexpr std::size_t kAllTeams = 4;

}  // namespace

LatencyGraph::LatencyGraph(const PipelineCosts& costs, bool shards, bool spread)
    : costs_(costs),
      workers_(costs.workers()),
      units_(costs.problem().units.size()),
      options_at_(units_ + 1) {
  // The fastest first: teams are made of them, and of the source's machine not at all.
  std::ranges::stable_sort(workers_, std::ranges::greater{},
                           [&](std::size_t worker) { return costs.speed(worker); });
  for (const auto& each : alike_machines(costs, workers_)) twins_.push_back(each);
  for (std::size_t o = 0; shards && o < costs.problem().shards.size(); ++o)
    options_at_[costs.problem().shards[o].first].push_back(o);
  for (const ShardOption& option : costs.problem().shards) most_ = std::max(most_, option.most);
  const Teams teams = make_teams(spread);
  for (std::size_t m = 0; m < costs.machines(); ++m) {
    teams_.push_back(teams_for(teams, m));
    led_teams_.push_back(led_by(teams_.back(), m));
  }
  to_go_.assign(2 * (units_ + 1) * costs.machines(), PipelineCosts::kNever);
  moves_.resize(to_go_.size());
  for (std::size_t p = units_ + 1; p-- > 0;)
    for (std::size_t m = 0; m < costs.machines(); ++m)
      for (const bool merged : {true, false}) prepare({p, m, merged});
}

LatencyGraph::Teams LatencyGraph::make_teams(bool spread) const {
  std::vector<std::size_t> machines = workers_;
  std::erase(machines, costs_.source());
  if (machines.size() <= kAllTeams) return all_teams(machines);
  Teams teams;
  const auto size = static_cast<std::ptrdiff_t>(machines.size());
  for (std::ptrdiff_t first = 0; first < (spread ? size : 1); ++first) {
    for (std::ptrdiff_t k = 2; k <= std::min<std::ptrdiff_t>(size, most_);
         k += spread && k > 3 ? 4 : 1)
      teams.emplace_back(machines.begin(), machines.begin() + k);
    std::ranges::rotate(machines, machines.begin() + 1);
  }
  return teams;
}

LatencyGraph::Teams LatencyGraph::all_teams(const std::vector<std::size_t>& machines) {
  Teams teams;
  for (unsigned set = 1; set < 1U << machines.size(); ++set) {
    std::vector<std::size_t> team;
    for (std::size_t k = 0; k < machines.size(); ++k)
      if ((set >> k & 1) != 0) team.push_back(machines[k]);
    if (team.size() < 2) continue;
    std::ranges::sort(team);
    do teams.push_back(team);
    while (std::ranges::next_permutation(team).found);
  }
  return teams;
}

// With the holder in, if it is not, in place of the slowest: it needs no message.
LatencyGraph::Teams LatencyGraph::teams_for(const Teams& teams, std::size_t holder) const {
  Teams with_holder = teams;
  if (workers_.size() <= kAllTeams || holder == costs_.source()) return with_holder;
  for (const auto& team : teams) {
    if (std::ranges::find(team, holder) != team.end()) continue;
    with_holder.push_back(team);
    with_holder.back().back() = holder;
  }
  return with_holder;
}

// Those that it is in.
LatencyGraph::Teams LatencyGraph::led_by(const Teams& teams, std::size_t first) {
  Teams led;
  for (std::vector<std::size_t> team : teams) {
    const auto at = std::ranges::find(team, first);
    if (at == team.end()) continue;
    std::rotate(team.begin(), at, at + 1);
    led.push_back(std::move(team));
  }
  return led;
}

// The source has the input, and the answer; else a tensor is where a unit may run.
bool LatencyGraph::may_hold(const FramePlace& place) const {
  if (place.boundary == 0) return place.holder == costs_.source() && !place.merged;
  return std::ranges::find(workers_, place.holder) != workers_.end();
}

void LatencyGraph::prepare(const FramePlace& place) {
  double& least = to_go_[index(place)];
  const Seat holder{.machine = place.holder};
  if (place.boundary == units_) {
    const Seat source{.machine = costs_.source()};
    if (!place.merged) least = handed_over(costs_, costs_.message(units_), holder, source);
    if (place.merged && place.holder == costs_.source()) least = 0;
    return;
  }
  if (!may_hold(place)) return;
  for (const std::size_t& worker : workers_)
    if (!place.merged || worker == place.holder) add_single(place, worker);
  for (const std::size_t option : options_at_[place.boundary]) add_shards(place, option);
  for (FrameMove& move : moves_[index(place)]) {
    move.to_answer = move.seconds + to_go(after(move));
    least = std::min(least, move.to_answer);
  }
  // Of equals one that stays.
  std::ranges::stable_sort(moves_[index(place)], {}, [&](const FrameMove& move) {
    return std::pair(move.to_answer, move.holder != place.holder);
  });
}

void LatencyGraph::add_single(const FramePlace& place, const std::size_t& worker) {
  const std::array<Seat, 1> seat = {Seat{.machine = worker}};
  const SeatedStage stage{.first = place.boundary, .last = place.boundary, .seats = seat};
  // Room for frames depends on where the machine's stage begins and ends.
  const double footprint =
      costs_.footprint(costs_.weights(stage, seat[0]), costs_.peak(stage, seat[0]), worker);
  if (costs_.swapping(footprint, worker) == PipelineCosts::kNever) return;
  add(place, {.end = place.boundary + 1,
              .holder = worker,
              .seconds = handed_over(costs_, costs_.message(place.boundary),
                                     {.machine = place.holder}, seat[0]) +
                         costs_.run_time(stage, seat[0]),
              .machines = {&worker, 1}});
}

void LatencyGraph::add(const FramePlace& place, const FrameMove& move) {
  if (move.seconds < PipelineCosts::kNever) moves_[index(place)].push_back(move);
}

void LatencyGraph::add_shards(const FramePlace& place, std::size_t o) {
  const ShardOption& option = costs_.problem().shards[o];
  for (const auto& team : (place.merged ? led_teams_ : teams_)[place.holder])
    if (static_cast<int>(team.size()) <= option.most) add_team(place, o, team);
}

void LatencyGraph::add_team(const FramePlace& place, std::size_t o,
                            const std::vector<std::size_t>& team) {
  const ShardOption& option = costs_.problem().shards[o];
  const std::vector<Seat> seats = seats_on(costs_, StageMode::kShards, o, team);
  const SeatedStage stage{option.first, option.last, StageMode::kShards, o, seats};
  auto ready = scattered(costs_, {.machine = place.holder}, stage, 0);
  for (std::size_t k = 0; k < seats.size(); ++k) {
    if (costs_.compute(stage, seats[k]) == PipelineCosts::kNever) return;
    ready[k] += costs_.run_time(stage, seats[k]);
  }
  const auto merge_on = [&](std::size_t machine) {
    add(place, {.end = option.last + 1,
                .holder = machine,
                .seconds = merged(costs_, stage, ready, {.machine = machine}),
                .mode = StageMode::kShards,
                .option = o,
                .machines = team});
  };
  if (option.last + 1 == units_) return merge_on(costs_.source());
  if (workers_.size() <= 2 * kAllTeams) {
    for (const std::size_t worker : workers_) merge_on(worker);
    return;
  }
  merge_on(team[0]);
  if (place.holder != team[0] && std::ranges::find(workers_, place.holder) != workers_.end())
    merge_on(place.holder);
}

}  // namespace isthmus
