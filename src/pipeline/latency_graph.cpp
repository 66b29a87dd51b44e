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
  make_teams(spread);
  to_go_.assign(2 * (units_ + 1) * costs.machines(), PipelineCosts::kNever);
  moves_.resize(to_go_.size());
  for (std::size_t p = units_ + 1; p-- > 0;)
    for (std::size_t m = 0; m < costs.machines(); ++m)
      for (const bool merged : {true, false}) prepare({p, m, merged});
}

void LatencyGraph::make_teams(bool spread) {
  std::vector<std::size_t> machines = workers_;
  std::erase(machines, costs_.source());
  if (machines.size() <= kAllTeams) return make_all_teams(machines);
  const auto size = static_cast<std::ptrdiff_t>(machines.size());
  for (std::ptrdiff_t first = 0; first < (spread ? size : 1); ++first) {
    for (std::ptrdiff_t k = 2; k <= size; k += spread && k > 3 ? 4 : 1)
      teams_.emplace_back(machines.begin(), machines.begin() + k);
    std::ranges::rotate(machines, machines.begin() + 1);
  }
}

void LatencyGraph::make_all_teams(const std::vector<std::size_t>& machines) {
  for (unsigned set = 1; set < 1U << machines.size(); ++set) {
    std::vector<std::size_t> team;
    for (std::size_t k = 0; k < machines.size(); ++k)
      if ((set >> k & 1) != 0) team.push_back(machines[k]);
    if (team.size() < 2) continue;
    std::ranges::sort(team);
    do teams_.push_back(team);
    while (std::ranges::next_permutation(team).found);
  }
}

// With the holder in, if it is not, in place of the slowest: it needs no message.
std::vector<std::vector<std::size_t>> LatencyGraph::teams_for(std::size_t holder) const {
  std::vector<std::vector<std::size_t>> teams = teams_;
  if (workers_.size() <= kAllTeams || holder == costs_.source()) return teams;
  for (const auto& team : teams_) {
    if (std::ranges::find(team, holder) != team.end()) continue;
    teams.push_back(team);
    teams.back().back() = holder;
  }
  return teams;
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
  for (const std::size_t worker : workers_)
    if (!place.merged || worker == place.holder) add_single(place, worker);
  for (const std::size_t option : options_at_[place.boundary]) add_shards(place, option);
  for (const FrameMove& move : moves_[index(place)])
    least = std::min(least, move.seconds + to_go(after(move)));
  // Of equals one that stays.
  std::ranges::stable_sort(moves_[index(place)], {}, [&](const FrameMove& move) {
    return std::pair(move.seconds + to_go(after(move)), move.holder != place.holder);
  });
}

void LatencyGraph::add_single(const FramePlace& place, std::size_t worker) {
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
              .machines = {worker}});
}

void LatencyGraph::add(const FramePlace& place, FrameMove move) {
  if (move.seconds < PipelineCosts::kNever) moves_[index(place)].push_back(std::move(move));
}

void LatencyGraph::add_shards(const FramePlace& place, std::size_t o) {
  const ShardOption& option = costs_.problem().shards[o];
  for (std::vector<std::size_t>& team : teams_for(place.holder)) {
    if (static_cast<int>(team.size()) > option.most) continue;
    if (place.merged) {
      const auto first = std::ranges::find(team, place.holder);
      if (first == team.end()) continue;
      std::rotate(team.begin(), first, first + 1);
    }
    add_team(place, o, team);
  }
}

void LatencyGraph::add_team(const FramePlace& place, std::size_t o,
                            const std::vector<std::size_t>& team) {
  const ShardOption& option = costs_.problem().shards[o];
  std::vector<Seat> seats;
  for (const std::size_t machine : team) seats.push_back({.machine = machine});
  set_shares(costs_, StageMode::kShards, o, seats);
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
