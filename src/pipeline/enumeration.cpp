#include "pipeline/enumeration.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "pipeline/costs.h"

namespace isthmus {
namespace {

// Plans, without what the bound leaves out.
constexpr double kMostPlans = 3e5;
constexpr std::size_t kMostWorkers = 6;
// A load so little below the bound is no gain.
constexpr double kWorthIt = 1e-9;

class Enumeration {
 public:
  Enumeration(const PipelineProblem& problem, const Cluster& cluster, std::optional<Seconds> bound)
      : costs_(problem, cluster),
        cluster_(cluster),
        bound_(bound ? bound->count() : PipelineCosts::kNever) {
    const std::vector<std::size_t> workers = costs_.workers();
    if (workers.size() > kMostWorkers) return;
    for (unsigned set = 1; set < 1U << workers.size(); ++set) {
      std::vector<std::size_t> team;
      for (std::size_t k = 0; k < workers.size(); ++k)
        if ((set >> k & 1U) != 0) team.push_back(workers[k]);
      // The source's machine runs stages alone.
      if (team.size() == 1 || std::ranges::count(team, costs_.source()) == 0)
        teams_.push_back(std::move(team));
    }
  }

  std::optional<PipelinePlan> run() {
    if (teams_.empty() || plans() > kMostPlans) return std::nullopt;
    extend(costs_.source_stage(), 0, std::vector<Load>(costs_.machines()));
    return std::move(best_);
  }

 private:
  const PipelineProblem& problem() const { return costs_.problem(); }
  std::size_t units() const { return problem().units.size(); }
  bool may_share(const std::vector<std::size_t>& team, const ShardOption& option) const {
    return team.size() > 1 && static_cast<int>(team.size()) <= option.most;
  }

  // How many there are.
  double plans() const {
    std::vector<double> from(units() + 1, 0);
    from[units()] = 1;
    for (std::size_t first = units(); first-- > 0;) {
      for (std::size_t next = first + 1; next <= units(); ++next)
        from[first] += static_cast<double>(teams_.size()) * from[next];
      for (const ShardOption& option : problem().shards)
        for (const auto& team : teams_)
          if (option.first == first && may_share(team, option))
            from[first] += static_cast<double>(team.size()) * from[option.last + 1];
    }
    return from[0];
  }

  void extend(const SeatedStage& before, std::size_t first, const std::vector<Load>& loads) {
    if (first == units()) return finish(before, loads);
    for (const auto& team : teams_) {
      extend_whole(before, first, team, loads);
      for (std::size_t o = 0; o < problem().shards.size(); ++o)
        if (problem().shards[o].first == first && may_share(team, problem().shards[o]))
          extend_shards(before, o, team, loads);
    }
  }

  void extend_whole(const SeatedStage& before, std::size_t first,
                    const std::vector<std::size_t>& team, const std::vector<Load>& loads) {
    const bool replicas = team.size() > 1;
    if (replicas && !problem().replicas) return;
    // Two such stages are one.
    if (!path_.empty() && before.mode != StageMode::kShards && path_.back().machines == team)
      return;
    const StageMode mode = replicas ? StageMode::kReplicas : StageMode::kSingle;
    place({.first = first, .last = first, .mode = mode}, team);
    if (const auto entered = crossed(before, path_.back().stage, first, loads))
      for (std::size_t last = first; last < units(); ++last) {
        if (team[0] == costs_.source() && first > 0 && last + 1 < units()) continue;
        path_.back().stage.last = last;
        const auto filled = running(path_.back().stage, *entered);
        if (!filled) break;
        extend(path_.back().stage, last + 1, *filled);
      }
    path_.pop_back();
  }

  // Which machine is the first decides who merges.
  void extend_shards(const SeatedStage& before, std::size_t option, std::vector<std::size_t> team,
                     const std::vector<Load>& loads) {
    const ShardOption& way = problem().shards[option];
    for (std::size_t i = 0; i < team.size(); ++i) {
      std::ranges::rotate(team, team.begin() + 1);
      place({.first = way.first, .last = way.last, .mode = StageMode::kShards, .option = option},
            team);
      if (const auto entered = crossed(before, path_.back().stage, way.first, loads))
        if (const auto filled = running(path_.back().stage, *entered))
          extend(path_.back().stage, way.last + 1, *filled);
      path_.pop_back();
    }
  }

  void place(const SeatedStage& stage, const std::vector<std::size_t>& team) {
    Placed& placed = path_.emplace_back(Placed{.stage = stage, .seats = {}, .machines = team});
    for (const std::size_t machine : team) placed.seats.push_back({.machine = machine});
    set_shares(costs_, stage.mode, stage.option, placed.seats);
    placed.stage.seats = placed.seats;
  }

  bool is_fast(const std::vector<Load>& loads) const {
    return std::ranges::all_of(
        loads, [&](const Load& load) { return load.busiest() < bound_ * (1 - kWorthIt); });
  }

  // With what the boundary costs; nothing if that is too much.
  std::optional<std::vector<Load>> crossed(const SeatedStage& from, const SeatedStage& to,
                                           std::size_t boundary, const std::vector<Load>& loads) {
    Crossing crossing;
    costs_.cross(from, to, boundary, crossing);
    std::vector<Load> sum = loads;
    for (std::size_t i = 0; i < from.seats.size(); ++i)
      sum[from.seats[i].machine] += crossing.from[i];
    for (std::size_t k = 0; k < to.seats.size(); ++k) sum[to.seats[k].machine] += crossing.to[k];
    if (!is_fast(sum)) return std::nullopt;
    return sum;
  }

  // Without swapping, which depends on all that a machine holds.
  std::optional<std::vector<Load>> running(const SeatedStage& stage,
                                           const std::vector<Load>& loads) const {
    std::vector<Load> sum = loads;
    for (const Seat& seat : stage.seats)
      sum[seat.machine].compute += costs_.run_time(stage, seat) *
                                   (stage.mode == StageMode::kShards ? 1 : seat.share) /
                                   costs_.machine(seat.machine).cores;
    if (!is_fast(sum)) return std::nullopt;
    return sum;
  }

  void finish(const SeatedStage& last, const std::vector<Load>& loads) {
    if (!crossed(last, costs_.source_stage(), units(), loads)) return;
    PipelinePlan plan;
    for (const Placed& placed : path_)
      plan.stages.push_back(stage_on(costs_, placed.stage, placed.machines));
    auto made = possible(costs_, cluster_, std::move(plan));
    if (!made || made->period.count() >= bound_) return;
    bound_ = made->period.count();
    best_ = std::move(made);
  }

  struct Placed {
    SeatedStage stage;
    std::vector<Seat> seats;
    std::vector<std::size_t> machines;
  };

  const PipelineCosts costs_;
  const Cluster& cluster_;
  double bound_;
  std::vector<std::vector<std::size_t>> teams_;
  // Stages refer to their seats here.
  std::deque<Placed> path_;
  std::optional<PipelinePlan> best_;
};

}  // namespace

std::optional<PipelinePlan> fastest_of_all(const PipelineProblem& problem, const Cluster& cluster,
                                           std::optional<Seconds> bound) {
  return Enumeration(problem, cluster, bound).run();
}

}  // namespace isthmus
