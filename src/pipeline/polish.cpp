#include "pipeline/polish.h"

#include <algorithm>

#include "pipeline/costs.h"
#include "pipeline/machine_loads.h"

namespace isthmus {
namespace {

constexpr std::size_t kFarthestMove = 8;
constexpr int kMostRounds = 20;
// Enough for a dozen machines; a hundred are improved as far as it goes.
constexpr int kMostTries = 10'000;
// Of giving units, of which there are many more ways.
constexpr int kMostGiven = 3000;
constexpr double kWorthIt = 1e-9;

// A stage that has its seats: of one machine each.
struct Team {
  std::size_t first = 0;
  std::size_t last = 0;
  StageMode mode = StageMode::kSingle;
  std::size_t option = 0;
  std::vector<Seat> seats;

  bool has(std::size_t machine) const {
    return std::ranges::find(seats, machine, &Seat::machine) != seats.end();
  }
};
using Teams = std::vector<Team>;

bool same_machines(const Team& a, const Team& b) {
  return std::ranges::equal(a.seats, b.seats, {}, &Seat::machine, &Seat::machine);
}

class Polish {
 public:
  Polish(const PipelineProblem& problem, const Cluster& cluster, const PipelinePlan& plan)
      : costs_(problem, cluster), loads_(costs_) {
    for (const PipelineStage& stage : plan.stages) teams_.push_back(team_of(stage));
    value_ = value(teams_);
  }

  // Nothing where no try was better.
  std::optional<std::vector<PipelineStage>> result() {
    bool better = true;
    for (int round = 0; better && round < kMostRounds; ++round) {
      better = false;
      for (std::size_t s = 0; s + 1 < teams_.size(); ++s) better |= move_boundary(s);
      for (std::size_t s = 0; s < teams_.size(); ++s)
        for (std::size_t t = 0; t < teams_.size(); ++t) better |= move_machines(s, t);
      if (costs_.problem().several_stages && costs_.machines() <= kFewMachines)
        for (std::size_t s = 0; s < teams_.size(); ++s) better |= give_units(s);
    }
    if (!changed_) return std::nullopt;
    std::vector<PipelineStage> stages;
    for (const Team& team : teams_) stages.push_back(stage_of(team));
    return stages;
  }

 private:
  Team team_of(const PipelineStage& stage) const {
    Team team{stage.first, stage.last, stage.mode, stage.option, {}};
    for (std::size_t k = 0; k < stage.machines.size(); ++k) {
      const Machine& machine = costs_.cluster().machine(stage.machines[k]);
      team.seats.push_back(
          {.machine = static_cast<std::size_t>(&machine - costs_.cluster().machines.data()),
           .share = stage.shares[k]});
    }
    return team;
  }

  PipelineStage stage_of(const Team& team) const {
    PipelineStage stage{
        .first = team.first, .last = team.last, .mode = team.mode, .option = team.option};
    for (const Seat& seat : team.seats) {
      stage.machines.push_back(costs_.machine(seat.machine).name);
      stage.shares.push_back(seat.share);
    }
    return stage;
  }

  // What is to fall; kNever where the teams cannot run or it is not below `limit`.
  double value(const Teams& teams, double limit = PipelineCosts::kNever) {
    stages_.clear();
    for (const Team& team : teams)
      stages_.push_back({team.first, team.last, team.mode, team.option, team.seats});
    if (!loads_.add_up(stages_, limit)) return PipelineCosts::kNever;
    double sum = 0;
    for (std::size_t s = 0; s < teams.size(); ++s) sum += loads_.period(s);
    const double value = loads_.period() + 1e-6 * sum;
    return value < limit ? value : PipelineCosts::kNever;
  }

  bool take(Teams changed) {
    if (++tries_ > kMostTries) return false;
    const double value = this->value(changed, value_ * (1 - kWorthIt));
    if (value == PipelineCosts::kNever) return false;
    teams_ = std::move(changed);
    value_ = value;
    changed_ = true;
    return true;
  }

  bool move_boundary(std::size_t s) {
    if (teams_[s].mode == StageMode::kShards || teams_[s + 1].mode == StageMode::kShards)
      return false;
    bool better = false;
    for (std::size_t distance = 1; distance <= kFarthestMove; ++distance) {
      if (teams_[s].first + distance <= teams_[s].last) {
        Teams earlier = teams_;
        earlier[s].last -= distance;
        earlier[s + 1].first -= distance;
        better |= take(std::move(earlier));
      }
      if (teams_[s + 1].first + distance <= teams_[s + 1].last) {
        Teams later = teams_;
        later[s].last += distance;
        later[s + 1].first += distance;
        better |= take(std::move(later));
      }
    }
    return better;
  }

  // Units of a stage, of many those at an end, go to a machine that may have others, or to one
  // more or one less than the stage has.
  bool give_units(std::size_t s) {
    bool better = false;
    for (const std::size_t machine : costs_.workers()) {
      if (machine == costs_.source()) continue;
      // A stage that was given away may have become part of another.
      if (s >= teams_.size()) return better;
      const std::size_t first = teams_[s].first;
      const std::size_t last = teams_[s].last;
      for (std::size_t from = first; from <= last; ++from)
        for (std::size_t to = from; to <= last; ++to)
          if (last - first < kFarthestMove || is_near_an_end(from - first, last - to))
            better |= give(s, from, to, machine);
    }
    return better;
  }

  // All units but a few at one end.
  static bool is_near_an_end(std::size_t before, std::size_t behind) {
    return (before == 0 && behind <= kFarthestMove) || (behind == 0 && before <= kFarthestMove);
  }

  bool give(std::size_t s, std::size_t first, std::size_t last, std::size_t machine) {
    if (s >= teams_.size()) return false;
    if (teams_[s].seats[0].machine == costs_.source()) return false;
    std::vector<std::size_t> machines;
    for (const Seat& seat : teams_[s].seats) machines.push_back(seat.machine);
    const bool is_in = teams_[s].has(machine);
    bool better = !(is_in && machines.size() == 1) && hand_over(s, first, last, {machine});
    if (!costs_.problem().replicas) return better;
    if (!is_in) {
      machines.push_back(machine);
      better |= hand_over(s, first, last, machines);
    } else if (machines.size() > 2) {
      std::erase(machines, machine);
      better |= hand_over(s, first, last, machines);
    }
    return better;
  }

  // Units of stage s to other machines; the others stay where they are.
  bool hand_over(std::size_t s, std::size_t first, std::size_t last,
                 const std::vector<std::size_t>& machines) {
    if (s >= teams_.size() || ++given_ > kMostGiven) return false;
    const Team& from = teams_[s];
    if (first < from.first || last > from.last) return false;
    if (from.mode == StageMode::kShards && (from.first < first || last < from.last)) return false;
    Teams given;
    for (std::size_t t = 0; t < teams_.size(); ++t) {
      if (t != s) {
        append(given, teams_[t]);
        continue;
      }
      Team rest = from;
      rest.last = first - 1;
      if (from.first < first) append(given, rest);
      const StageMode mode = machines.size() > 1 ? StageMode::kReplicas : StageMode::kSingle;
      append(given, {first, last, mode, 0, seats_on(costs_, mode, 0, machines)});
      rest = from;
      rest.first = last + 1;
      if (last < from.last) append(given, rest);
    }
    return take(std::move(given));
  }

  // One stage with the last, where the same machine has both.
  static void append(Teams& teams, const Team& team) {
    if (!teams.empty() && team.mode == StageMode::kSingle && same_machines(teams.back(), team))
      teams.back().last = team.last;
    else
      teams.push_back(team);
  }

  // Shares follow the machines.
  void reseat(Team& team) const {
    std::vector<std::size_t> machines;
    for (const Seat& seat : team.seats) machines.push_back(seat.machine);
    std::ranges::stable_sort(machines, std::ranges::greater{},
                             [&](std::size_t machine) { return costs_.speed(machine); });
    team.seats = seats_on(costs_, team.mode, team.option, machines);
  }

  // Gives a machine of s to t.
  bool move_machine(std::size_t s, std::size_t t) {
    bool better = false;
    for (std::size_t i = 0; i < teams_[s].seats.size(); ++i) {
      Teams moved = teams_;
      Team& from = moved[s];
      Team& to = moved[t];
      if (from.seats.size() < (from.mode == StageMode::kShards ? 3 : 2)) return better;
      if (to.seats[0].machine == costs_.source()) return better;
      if (to.has(from.seats[i].machine)) continue;
      if (to.mode == StageMode::kShards) {
        if (static_cast<int>(to.seats.size()) >= costs_.problem().shards[to.option].most)
          return better;
      } else {
        if (!costs_.problem().replicas) return better;
        to.mode = StageMode::kReplicas;
      }
      to.seats.push_back(from.seats[i]);
      from.seats.erase(from.seats.begin() + static_cast<std::ptrdiff_t>(i));
      if (from.seats.size() == 1) from.mode = StageMode::kSingle;
      reseat(from);
      reseat(to);
      better |= take(std::move(moved));
    }
    return better;
  }

  bool move_machines(std::size_t s, std::size_t t) {
    if (s == t) return false;
    const bool moved = move_machine(s, t);
    return (s < t && swap_machines(s, t)) || moved;
  }

  bool swap_machines(std::size_t s, std::size_t t) {
    bool better = false;
    for (std::size_t i = 0; i < teams_[s].seats.size(); ++i) {
      for (std::size_t k = 0; k < teams_[t].seats.size(); ++k) {
        const std::size_t one = teams_[s].seats[i].machine;
        const std::size_t other = teams_[t].seats[k].machine;
        if (costs_.alike(one, other)) continue;
        // The source's machine stays where it may be.
        if (one == costs_.source() || other == costs_.source()) continue;
        if (teams_[t].has(one) || teams_[s].has(other)) continue;
        Teams swapped = teams_;
        std::swap(swapped[s].seats[i].machine, swapped[t].seats[k].machine);
        reseat(swapped[s]);
        reseat(swapped[t]);
        better |= take(std::move(swapped));
      }
    }
    return better;
  }

  const PipelineCosts costs_;
  MachineLoads loads_;
  Teams teams_;
  double value_ = 0;
  bool changed_ = false;
  int tries_ = 0;
  int given_ = 0;
  // Memory that is used again.
  std::vector<SeatedStage> stages_;
};

}  // namespace

PipelinePlan polished(const PipelineProblem& problem, const Cluster& cluster, PipelinePlan plan) {
  auto stages = Polish(problem, cluster, plan).result();
  if (!stages) return plan;
  plan.stages = std::move(*stages);
  return evaluated(problem, cluster, std::move(plan));
}

}  // namespace isthmus
