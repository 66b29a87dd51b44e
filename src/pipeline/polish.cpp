#include "pipeline/polish.h"

#include <algorithm>

#include "pipeline/costs.h"

namespace isthmus {
namespace {

constexpr std::size_t kFarthestMove = 8;
constexpr int kMostRounds = 20;
// Enough for a dozen machines; a hundred are improved as far as it goes.
constexpr int kMostTries = 10'000;
// Of giving units, of which there are many more ways.
constexpr int kMostGiven = 3000;
constexpr double kWorthIt = 1e-9;

class Polish {
 public:
  Polish(const PipelineProblem& problem, const Cluster& cluster, PipelinePlan plan)
      : costs_(problem, cluster), cluster_(cluster), plan_(std::move(plan)) {}

  PipelinePlan result() {
    bool better = true;
    for (int round = 0; better && round < kMostRounds; ++round) {
      better = false;
      for (std::size_t s = 0; s + 1 < plan_.stages.size(); ++s) better |= move_boundary(s);
      for (std::size_t s = 0; s < plan_.stages.size(); ++s)
        for (std::size_t t = 0; t < plan_.stages.size(); ++t) better |= move_machines(s, t);
      if (costs_.problem().several_stages && cluster_.machines.size() <= kFewMachines)
        for (std::size_t s = 0; s < plan_.stages.size(); ++s) better |= give_units(s);
    }
    return plan_;
  }

 private:
  static double value(const PipelinePlan& plan) {
    double sum = 0;
    for (const PipelineStage& stage : plan.stages) sum += stage.period.count();
    return plan.period.count() + 1e-6 * sum;
  }

  bool take(PipelinePlan changed) {
    if (++tries_ > kMostTries) return false;
    auto plan = possible(costs_, cluster_, std::move(changed));
    if (!plan || value(*plan) >= value(plan_) * (1 - kWorthIt)) return false;
    plan_ = std::move(*plan);
    return true;
  }

  bool move_boundary(std::size_t s) {
    if (plan_.stages[s].mode == StageMode::kShards ||
        plan_.stages[s + 1].mode == StageMode::kShards)
      return false;
    bool better = false;
    for (std::size_t distance = 1; distance <= kFarthestMove; ++distance) {
      if (plan_.stages[s].first + distance <= plan_.stages[s].last) {
        PipelinePlan earlier = plan_;
        earlier.stages[s].last -= distance;
        earlier.stages[s + 1].first -= distance;
        better |= take(std::move(earlier));
      }
      if (plan_.stages[s + 1].first + distance <= plan_.stages[s + 1].last) {
        PipelinePlan later = plan_;
        later.stages[s].last += distance;
        later.stages[s + 1].first += distance;
        better |= take(std::move(later));
      }
    }
    return better;
  }

  std::size_t index_of(const std::string& name) const {
    return static_cast<std::size_t>(&cluster_.machine(name) - cluster_.machines.data());
  }

  // Units of a stage, of many those at an end, go to a machine that may have others, or to one
  // more or one less than the stage has.
  bool give_units(std::size_t s) {
    bool better = false;
    for (const std::size_t machine : costs_.workers()) {
      if (cluster_.machines[machine].name == cluster_.source) continue;
      // A stage that was given away may have become part of another.
      if (s >= plan_.stages.size()) return better;
      const std::size_t first = plan_.stages[s].first;
      const std::size_t last = plan_.stages[s].last;
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
    if (s >= plan_.stages.size()) return false;
    const PipelineStage& from = plan_.stages[s];
    if (from.machines[0] == cluster_.source) return false;
    std::vector<std::size_t> team;
    for (const std::string& name : from.machines) team.push_back(index_of(name));
    const bool is_in = std::ranges::find(team, machine) != team.end();
    bool better = !(is_in && team.size() == 1) && hand_over(s, first, last, {machine});
    if (!costs_.problem().replicas) return better;
    if (!is_in) {
      team.push_back(machine);
      better |= hand_over(s, first, last, team);
    } else if (team.size() > 2) {
      std::erase(team, machine);
      better |= hand_over(s, first, last, team);
    }
    return better;
  }

  // Units of stage s to other machines; the others stay where they are.
  bool hand_over(std::size_t s, std::size_t first, std::size_t last,
                 const std::vector<std::size_t>& team) {
    if (s >= plan_.stages.size() || ++given_ > kMostGiven) return false;
    const PipelineStage& from = plan_.stages[s];
    if (first < from.first || last > from.last) return false;
    if (from.mode == StageMode::kShards && (from.first < first || last < from.last)) return false;
    PipelinePlan given;
    for (std::size_t t = 0; t < plan_.stages.size(); ++t) {
      if (t != s) {
        append(given, plan_.stages[t]);
        continue;
      }
      PipelineStage rest = from;
      rest.last = first - 1;
      if (from.first < first) append(given, rest);
      append(given, stage_on(costs_,
                             {.first = first,
                              .last = last,
                              .mode = team.size() > 1 ? StageMode::kReplicas : StageMode::kSingle},
                             team));
      rest = from;
      rest.first = last + 1;
      if (last < from.last) append(given, rest);
    }
    return take(std::move(given));
  }

  // One stage with the last, where the same machine has both.
  static void append(PipelinePlan& plan, const PipelineStage& stage) {
    if (!plan.stages.empty() && stage.mode == StageMode::kSingle &&
        plan.stages.back().machines == stage.machines)
      plan.stages.back().last = stage.last;
    else
      plan.stages.push_back(stage);
  }

  // Shares follow the machines.
  void reseat(PipelineStage& stage) const {
    std::vector<std::size_t> machines;
    for (const std::string& name : stage.machines) machines.push_back(index_of(name));
    std::ranges::stable_sort(machines, std::ranges::greater{},
                             [&](std::size_t machine) { return costs_.speed(machine); });
    stage = stage_on(costs_, {stage.first, stage.last, stage.mode, stage.option, {}}, machines);
  }

  bool alike(const std::string& a, const std::string& b) const {
    return costs_.alike(index_of(a), index_of(b));
  }

  // Gives a machine of s to t.
  bool move_machine(std::size_t s, std::size_t t) {
    bool better = false;
    for (std::size_t i = 0; i < plan_.stages[s].machines.size(); ++i) {
      PipelinePlan moved = plan_;
      PipelineStage& from = moved.stages[s];
      PipelineStage& to = moved.stages[t];
      if (from.machines.size() < (from.mode == StageMode::kShards ? 3 : 2)) return better;
      if (to.machines[0] == cluster_.source) return better;
      if (std::ranges::count(to.machines, from.machines[i]) > 0) continue;
      if (to.mode == StageMode::kShards) {
        if (static_cast<int>(to.machines.size()) >= costs_.problem().shards[to.option].most)
          return better;
      } else {
        if (!costs_.problem().replicas) return better;
        to.mode = StageMode::kReplicas;
      }
      to.machines.push_back(from.machines[i]);
      from.machines.erase(from.machines.begin() + static_cast<std::ptrdiff_t>(i));
      if (from.machines.size() == 1) from.mode = StageMode::kSingle;
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
    for (std::size_t i = 0; i < plan_.stages[s].machines.size(); ++i) {
      for (std::size_t k = 0; k < plan_.stages[t].machines.size(); ++k) {
        if (alike(plan_.stages[s].machines[i], plan_.stages[t].machines[k])) continue;
        // The source's machine stays where it may be.
        if (plan_.stages[s].machines[i] == cluster_.source ||
            plan_.stages[t].machines[k] == cluster_.source)
          continue;
        if (std::ranges::count(plan_.stages[t].machines, plan_.stages[s].machines[i]) > 0 ||
            std::ranges::count(plan_.stages[s].machines, plan_.stages[t].machines[k]) > 0)
          continue;
        PipelinePlan swapped = plan_;
        std::swap(swapped.stages[s].machines[i], swapped.stages[t].machines[k]);
        reseat(swapped.stages[s]);
        reseat(swapped.stages[t]);
        better |= take(std::move(swapped));
      }
    }
    return better;
  }

  const PipelineCosts costs_;
  const Cluster& cluster_;
  PipelinePlan plan_;
  int tries_ = 0;
  int given_ = 0;
};

}  // namespace

PipelinePlan polished(const PipelineProblem& problem, const Cluster& cluster, PipelinePlan plan) {
  return Polish(problem, cluster, std::move(plan)).result();
}

}  // namespace isthmus
