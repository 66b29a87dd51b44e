#include "pipeline/pipeline.h"

#include <algorithm>
#include <set>

#include "pipeline/coarse.h"
#include "pipeline/enumeration.h"
#include "pipeline/no_plan.h"
#include "pipeline/polish.h"
#include "pipeline/procedure.h"
#include "pipeline/search.h"

namespace isthmus {
namespace {

bool better(const PipelinePlan& a, const PipelinePlan& b, PipelineObjective objective) {
  return objective == PipelineObjective::kThroughput ? a.period < b.period : a.latency < b.latency;
}

// Units times machines: up to the first, plans for other ends are improved, too; up to the second,
// some drawn at random.
constexpr std::size_t kMany = 1000;
constexpr std::size_t kFew = 100;
constexpr std::uint64_t kStarts = 8;

// Plans in which machines may serve several stages, by improving some of which it is not known that
// the best is near (pipeline/polish.h).
template <typename Consider>
void consider_reuse(const PipelineProblem& problem, const Cluster& cluster,
                    const Consider& consider) {
  const auto fastest = search_latency(problem, cluster, {});
  consider(fastest);
  const std::size_t size = problem.units.size() * cluster.machines.size();
  if (size > kMany) return;
  if (fastest) consider(polished(problem, cluster, *fastest));
  // What would be best if messages took no time may still be.
  if (const auto balanced = search_throughput(problem, with_free_links(cluster)))
    if (const auto real = possible(PipelineCosts(problem, cluster), cluster, *balanced))
      consider(polished(problem, cluster, *real));
  if (size > kFew) return;
  for (std::uint64_t seed = 1; seed <= kStarts; ++seed)
    if (const auto drawn = try_random_assignment(problem, cluster, seed))
      consider(polished(problem, cluster, *drawn));
}

}  // namespace

bool serves_twice(const PipelinePlan& plan) {
  std::set<std::string> seen;
  for (const PipelineStage& stage : plan.stages)
    for (const std::string& machine : stage.machines)
      if (!seen.insert(machine).second) return true;
  return false;
}

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
  std::optional<PipelinePlan> best;
  const auto consider = [&](const std::optional<PipelinePlan>& plan) {
    if (plan && (!best || better(*plan, *best, objective))) best = plan;
  };
  if (objective == PipelineObjective::kLatency) {
    consider(search_latency(problem, cluster, {.reuse = problem.several_stages}));
  } else {
    consider(search_throughput(problem, cluster));
    if (problem.several_stages) {
      if (!best || cluster.machines.size() <= kFewMachines)
        consider_reuse(problem, cluster, consider);
      consider(fastest_of_all(problem, cluster, best ? std::optional(best->period) : std::nullopt));
    }
  }
  if (!best) explain_no_plan(PipelineCosts(problem, cluster));
  consider(best_single_machine(problem, cluster, objective));
  return *best;
}

std::optional<PipelinePlan> best_single_machine(const PipelineProblem& problem,
                                                const Cluster& cluster,
                                                PipelineObjective objective) {
  const PipelineCosts costs(problem, cluster);
  std::optional<PipelinePlan> best;
  for (const std::size_t worker : costs.workers()) {
    PipelinePlan whole;
    whole.stages = {stage_on(costs, {.first = 0, .last = problem.units.size() - 1}, {&worker, 1})};
    const auto plan = possible(costs, cluster, std::move(whole));
    if (plan && (!best || better(*plan, *best, objective))) best = plan;
  }
  return best;
}

}  // namespace isthmus
