#include "pipeline/pipeline.h"

#include <algorithm>

#include "pipeline/machine_classes.h"
#include "pipeline/search.h"

namespace isthmus {
namespace {

bool better(const PipelinePlan& a, const PipelinePlan& b, PipelineObjective objective) {
  return objective == PipelineObjective::kThroughput ? a.period < b.period : a.latency < b.latency;
}

}  // namespace

PipelinePlan plan_contiguous(const PipelineProblem& problem, const Cluster& cluster,
                             PipelineObjective objective) {
  auto plan = objective == PipelineObjective::kThroughput
                  ? contiguous_for_throughput(problem, cluster)
                  : search_latency(problem, cluster, {.shards = false, .reuse = false});
  if (!plan) {
    PipelineProblem whole = problem;
    whole.shards.clear();
    explain_no_plan(PipelineCosts(whole, cluster));
  }
  return *plan;
}

PipelinePlan plan_pipeline(const PipelineProblem& problem, const Cluster& cluster,
                           PipelineObjective objective) {
  auto best = objective == PipelineObjective::kThroughput ? search_throughput(problem, cluster)
                                                          : search_latency(problem, cluster, {});
  if (objective == PipelineObjective::kThroughput &&
      (!best || cluster.machines.size() <= kFewMachines)) {
    const auto fastest = search_latency(problem, cluster, {});
    if (fastest && (!best || better(*fastest, *best, objective))) best = fastest;
  }
  if (!best) explain_no_plan(PipelineCosts(problem, cluster));
  const auto single = best_single_machine(problem, cluster, objective);
  if (single && better(*single, *best, objective)) best = single;
  return *best;
}

std::optional<PipelinePlan> best_single_machine(const PipelineProblem& problem,
                                                const Cluster& cluster,
                                                PipelineObjective objective) {
  const PipelineCosts costs(problem, cluster);
  std::optional<PipelinePlan> best;
  for (const std::size_t worker : costs.workers()) {
    PipelinePlan whole;
    whole.stages = {stage_on(costs, {.first = 0, .last = problem.units.size() - 1}, {worker})};
    const auto plan = possible(costs, cluster, std::move(whole));
    if (plan && (!best || better(*plan, *best, objective))) best = plan;
  }
  return best;
}

}  // namespace isthmus
