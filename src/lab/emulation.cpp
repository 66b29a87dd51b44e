#include "lab/emulation.h"

#include <algorithm>
#include <set>

#include "graph/graph.h"
#include "lab/cache_pressure.h"
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

// Bytes that go through the caches before each run: plans over several boards count with what parts
// take within their network (measure_within_network), those for a device and a server do not.
std::int64_t pressure_on(const LoadedPlan& plan, const std::string& source) {
  std::set<std::string> boards;
  std::int64_t bytes = 0;
  for (const PlacedPart& part : plan.plan.parts) {
    boards.insert(part.machines.begin(), part.machines.end());
    bytes += static_cast<std::int64_t>(plan.parts.at(part.name)->size());
  }
  boards.erase(source);
  return boards.size() > 1 ? bytes : 0;
}

Seconds measure_whole(const LoadedPlan& plan, const std::string& source) {
  PlanRunner runner(plan, source);
  const PlanInput& input = plan.plan.input;
  const Tensor image = input.width > 0 ? Tensor(DType::kU8, {input.height, input.width, 3})
                                       : Tensor(DType::kF32, input.shape);
  run_time(runner, image);
  CachePressure others(pressure_on(plan, source));
  std::vector<double> seconds;
  for (int i = 0; i < kTimedRuns; ++i) {
    others.apply({&image, 1});
    seconds.push_back(run_time(runner, image).count());
  }
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
