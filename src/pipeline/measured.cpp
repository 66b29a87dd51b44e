#include "pipeline/measured.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "pipeline/costs.h"

namespace isthmus {
namespace {

void check_times(const PipelinePlan& plan, const StageTimes& measured) {
  if (measured.size() != plan.stages.size())
    throw Error(ErrorKind::kInvalid, fmt::format("measured times of {} stages for a plan of {}",
                                                 measured.size(), plan.stages.size()));
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    if (measured[s].size() != plan.stages[s].machines.size())
      throw Error(ErrorKind::kInvalid,
                  fmt::format("measured times of {} machines for stage {} on {}",
                              measured[s].size(), s, plan.stages[s].machines.size()));
}

// How many units of the stage the machine has already.
std::size_t common_units(const UnitsOfMachines& held, const std::string& machine,
                         const PipelineStage& stage) {
  const auto units = held.find(machine);
  if (units == held.end()) return 0;
  return static_cast<std::size_t>(
      std::distance(units->second.lower_bound(stage.first), units->second.upper_bound(stage.last)));
}

// Gives the machines of a plan to others that are alike.
class Exchange {
 public:
  Exchange(const PipelineCosts& costs, const Cluster& cluster, const UnitsOfMachines& held)
      : costs_(costs), cluster_(cluster), held_(held), taken_(cluster.machines.size(), false) {}

  PipelinePlan apply(PipelinePlan plan) {
    // Those that have some of it choose before those that have nothing to keep.
    for (const bool keeps : {true, false})
      for (const PipelineStage& stage : plan.stages)
        for (const std::string& name : stage.machines)
          if (!instead_of_.contains(name)) choose(stage, name, keeps);
    for (PipelineStage& stage : plan.stages)
      for (std::string& name : stage.machines) name = instead_of_.at(name);
    return plan;
  }

 private:
  void choose(const PipelineStage& stage, const std::string& name, bool keeps) {
    const auto machine =
        static_cast<std::size_t>(&cluster_.machine(name) - cluster_.machines.data());
    std::size_t best = cluster_.machines.size();
    std::size_t most = 0;
    for (std::size_t other = 0; other < cluster_.machines.size(); ++other) {
      if (taken_[other] || (other != machine && !costs_.alike(machine, other))) continue;
      const std::size_t common = common_units(held_, cluster_.machines[other].name, stage);
      if (best == cluster_.machines.size() || common > most) best = other, most = common;
    }
    if (keeps && most == 0) return;
    taken_[best] = true;
    instead_of_[name] = cluster_.machines[best].name;
  }

  const PipelineCosts& costs_;
  const Cluster& cluster_;
  const UnitsOfMachines& held_;
  std::vector<bool> taken_;
  std::map<std::string, std::string> instead_of_;
};

}  // namespace

PipelineProblem with_measured_shards(PipelineProblem problem, const PipelinePlan& plan,
                                     const StageTimes& measured) {
  check_times(plan, measured);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const PipelineStage& stage = plan.stages[s];
    if (stage.mode != StageMode::kShards) continue;
    Linear& time = problem.shards[stage.option].time;
    double estimated = 0;
    double taken = 0;
    for (std::size_t k = 0; k < stage.shares.size(); ++k) {
      estimated += time.at(stage.shares[k]);
      taken += measured[s][k].count();
    }
    if (!(estimated > 0)) continue;
    time.fixed *= taken / estimated;
    time.scaled *= taken / estimated;
  }
  return problem;
}

PipelinePlan keeping_machines(const PipelineProblem& problem, const Cluster& cluster,
                              const UnitsOfMachines& held, PipelinePlan plan) {
  const PipelineCosts costs(problem, cluster);
  return evaluated(costs, cluster, Exchange(costs, cluster, held).apply(std::move(plan)));
}

}  // namespace isthmus
