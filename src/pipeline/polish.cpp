#include "pipeline/polish.h"

#include <algorithm>

#include "pipeline/costs.h"

namespace isthmus {
namespace {

constexpr std::size_t kFarthestMove = 8;
constexpr int kMostRounds = 20;
// Enough for a dozen machines; a hundred are improved as far as it goes.
constexpr int kMostTries = 10'000;
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

  // Shares follow the machines.
  void reseat(PipelineStage& stage) const {
    std::vector<std::size_t> machines;
    for (const std::string& name : stage.machines)
      machines.push_back(
          static_cast<std::size_t>(&cluster_.machine(name) - cluster_.machines.data()));
    std::ranges::stable_sort(machines, std::ranges::greater{},
                             [&](std::size_t machine) { return costs_.speed(machine); });
    stage = stage_on(costs_, {stage.first, stage.last, stage.mode, stage.option, {}}, machines);
  }

  bool alike(const std::string& a, const std::string& b) const {
    const auto index = [&](const std::string& name) {
      return static_cast<std::size_t>(&cluster_.machine(name) - cluster_.machines.data());
    };
    return costs_.alike(index(a), index(b));
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
};

}  // namespace

PipelinePlan polished(const PipelineProblem& problem, const Cluster& cluster, PipelinePlan plan) {
  return Polish(problem, cluster, std::move(plan)).result();
}

}  // namespace isthmus
