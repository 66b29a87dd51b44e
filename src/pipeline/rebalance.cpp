#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/text.h"
#include "pipeline/machine_classes.h"
#include "pipeline/procedure.h"

namespace isthmus {
namespace {

std::size_t index_of(const Cluster& cluster, const std::string& machine) {
  return static_cast<std::size_t>(&cluster.machine(machine) - cluster.machines.data());
}

// Measured over predicted for one run; 1 for what was not seen. Swapping counts as predicted.
std::vector<double> ratios(const PipelineCosts& costs, const Cluster& cluster,
                           const PipelineStage& stage, const std::vector<Seconds>& measured) {
  std::vector<double> ratios;
  for (std::size_t k = 0; k < stage.machines.size(); ++k) {
    const Seat seat{.machine = index_of(cluster, stage.machines[k]), .share = stage.shares[k]};
    const SeatedStage seated{stage.first, stage.last, stage.mode, stage.option, {}};
    const double swapping = costs.swapping(
        costs.footprint(costs.weights(seated, seat), costs.peak(seated, seat), seat.machine),
        seat.machine);
    const double predicted = costs.run_time(seated, seat);
    const double seen = measured[k].count() - (swapping < PipelineCosts::kNever ? swapping : 0);
    ratios.push_back(seen > 0 && predicted > 0 ? seen / predicted : 1);
  }
  return ratios;
}

// An option takes the mean of its units, by their time.
void scale_units(PipelineProblem& problem, const std::vector<double>& factors) {
  for (ShardOption& option : problem.shards) {
    double before = 0;
    double after = 0;
    for (std::size_t i = option.first; i <= option.last; ++i) {
      before += problem.units[i].time.count();
      after += factors[i] * problem.units[i].time.count();
    }
    if (before <= 0) continue;
    option.time.fixed *= after / before;
    option.time.scaled *= after / before;
  }
  for (std::size_t i = 0; i < factors.size(); ++i) problem.units[i].time *= factors[i];
}

// How many units of stages of `plan` the machine has of [first, last].
std::size_t common_units(const PipelinePlan& plan, const std::string& machine, std::size_t first,
                         std::size_t last) {
  std::size_t common = 0;
  for (const PipelineStage& stage : plan.stages) {
    if (std::ranges::find(stage.machines, machine) == stage.machines.end()) continue;
    const std::size_t begin = std::max(first, stage.first);
    const std::size_t end = std::min(last, stage.last);
    if (begin <= end) common += end - begin + 1;
  }
  return common;
}

// Exchanges machines that are alike so that they keep what they have.
PipelinePlan keeping_machines(const PipelineCosts& costs, const Cluster& cluster,
                              const PipelinePlan& old, PipelinePlan plan) {
  std::map<std::string, std::string> new_name;
  std::vector<bool> taken(cluster.machines.size(), false);
  for (const PipelineStage& stage : plan.stages) {
    for (const std::string& name : stage.machines) {
      if (new_name.contains(name)) continue;
      const std::size_t machine = index_of(cluster, name);
      std::size_t best = cluster.machines.size();
      std::size_t most = 0;
      for (std::size_t other = 0; other < cluster.machines.size(); ++other) {
        if (taken[other] || (other != machine && !costs.alike(machine, other))) continue;
        const std::size_t common =
            common_units(old, cluster.machines[other].name, stage.first, stage.last);
        if (best == cluster.machines.size() || common > most) best = other, most = common;
      }
      taken[best] = true;
      new_name[name] = cluster.machines[best].name;
    }
  }
  for (PipelineStage& stage : plan.stages)
    for (std::string& name : stage.machines) name = new_name.at(name);
  return evaluated(costs, cluster, std::move(plan));
}

}  // namespace

MeasuredPipeline measured_pipeline(const PipelineProblem& problem, const Cluster& cluster,
                                   const PipelinePlan& plan,
                                   std::span<const std::vector<Seconds>> measured, Blame blame) {
  if (measured.size() != plan.stages.size())
    throw Error(ErrorKind::kInvalid, fmt::format("measured times of {} stages for a plan of {}",
                                                 measured.size(), plan.stages.size()));
  const PipelineCosts costs(problem, cluster);
  MeasuredPipeline result{problem, cluster};
  std::vector<double> factors(problem.units.size(), 1);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const PipelineStage& stage = plan.stages[s];
    if (measured[s].size() != stage.machines.size())
      throw Error(ErrorKind::kInvalid,
                  fmt::format("measured times of {} machines for stage {} on {}",
                              measured[s].size(), s, stage.machines.size()));
    const auto each = ratios(costs, cluster, stage, measured[s]);
    double common = 0;
    for (const double ratio : each) common += ratio / static_cast<double>(each.size());
    if (each.size() == 1 && blame == Blame::kMachines) common = 1;
    for (std::size_t i = stage.first; i <= stage.last; ++i) factors[i] = common;
    for (std::size_t k = 0; k < each.size(); ++k)
      result.cluster.machines[index_of(cluster, stage.machines[k])].slowdown *= each[k] / common;
  }
  scale_units(result.problem, factors);
  return result;
}

PipelinePlan rebalance(const PipelineProblem& problem, const Cluster& cluster,
                       const PipelinePlan& plan, std::span<const std::vector<Seconds>> measured,
                       PipelineObjective objective, Blame blame, double least_gain) {
  const MeasuredPipeline now = measured_pipeline(problem, cluster, plan, measured, blame);
  const PipelineCosts costs(now.problem, now.cluster);
  PipelinePlan old = evaluated(costs, now.cluster, plan);
  PipelinePlan better =
      keeping_machines(costs, now.cluster, old, plan_pipeline(now.problem, now.cluster, objective));
  const auto value = [&](const PipelinePlan& each) {
    return objective == PipelineObjective::kThroughput ? each.period : each.latency;
  };
  const double gain = 1 - value(better) / value(old);
  const std::string numbers = fmt::format("{} instead of {}", format_seconds(value(better).count()),
                                          format_seconds(value(old).count()));
  if (gain < least_gain) {
    old.why = {"kept: the best other plan would take " + numbers};
    return old;
  }
  better.why = {fmt::format("changed: {} ({:.0f} % less)", numbers, 100 * gain)};
  return better;
}

}  // namespace isthmus
