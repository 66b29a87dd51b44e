#include "lab/emulation.h"

#include <algorithm>

#include "graph/graph.h"
#include "lab/plan_runner.h"
#include "plan/devices.h"

namespace isthmus {
namespace {

constexpr int kTimedRuns = 5;

Seconds run_time(PlanRunner& runner, const Tensor& image) {
  Seconds sum{0};
  for (const PlanStep& step : runner.run(image).steps)
    if (step.kind == SpanKind::kRun) sum += step.cpu;
  return sum;
}

Seconds measure_whole(const LoadedPlan& plan, const std::string& source) {
  PlanRunner runner(plan, source);
  const PlanInput& input = plan.plan.input;
  const Tensor image = input.width > 0 ? Tensor(DType::kU8, {input.height, input.width, 3})
                                       : Tensor(DType::kF32, input.shape);
  run_time(runner, image);
  std::vector<double> seconds;
  for (int i = 0; i < kTimedRuns; ++i) seconds.push_back(run_time(runner, image).count());
  // What an emulated machine multiplies, too (serve/least_run.h).
  return Seconds{std::ranges::min(seconds)};
}

}  // namespace

void fill_slowdowns(Cluster& cluster, const LoadedPlan& plan) {
  if (!needs_slowdowns(cluster)) return;
  GraphWork work;
  for (const auto& [part, bytes] : plan.parts)
    for (const auto& [kind, amount] : work_of(parse_graph(*bytes, part))) work[kind] += amount;
  set_slowdowns(cluster, plan.plan.network, work, measure_whole(plan, cluster.source));
}

}  // namespace isthmus
