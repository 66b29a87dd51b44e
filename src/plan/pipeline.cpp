#include "plan/pipeline.h"

#include <algorithm>

#include "core/error.h"
#include "plan/pipeline_classes.h"
#include "plan/pipeline_search.h"

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
  auto best = objective == PipelineObjective::kThroughput
                  ? search_throughput(problem, cluster)
                  : search_latency(problem, cluster, {});
  // Where memory is tight the latency search may miss what a pipeline can do.
  if (!best && objective == PipelineObjective::kLatency)
    best = search_throughput(problem, cluster);
  if (!best) explain_no_plan(PipelineCosts(problem, cluster));
  const auto single = best_single_machine(problem, cluster, objective);
  if (single && better(*single, *best, objective)) best = single;
  return *best;
}

std::optional<PipelinePlan> best_single_machine(const PipelineProblem& problem,
                                                const Cluster& cluster,
                                                PipelineObjective objective) {
  std::optional<PipelinePlan> best;
  for (const std::size_t worker : PipelineCosts(problem, cluster).workers()) {
    PipelinePlan plan;
    plan.stages.push_back({.first = 0,
                           .last = problem.units.size() - 1,
                           .machines = {cluster.machines[worker].name},
                           .shares = {1}});
    try {
      plan = evaluated(problem, cluster, std::move(plan));
    } catch (const Error& error) {
      // It does not fit, or is not linked.
      if (error.kind() != ErrorKind::kUnsupported) throw;
      continue;
    }
    if (!best || better(plan, *best, objective)) best = std::move(plan);
  }
  return best;
}

}  // namespace isthmus
