#include "lab/board_confirm.h"

#include <algorithm>
#include <set>

#include "core/statistics.h"
#include "lab/frames.h"
#include "lab/machines.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

// Longer than any frame of a network on slow boards takes.
constexpr Seconds kDeadline{600};
// Frames alone that are counted.
constexpr int kAloneFrames = 3;

std::vector<double> latencies_after(const Trace& trace, int frames) {
  std::vector<double> milliseconds;
  for (std::size_t i = static_cast<std::size_t>(frames); i < trace.frames.size(); ++i)
    milliseconds.push_back(1e3 * trace.frames[i].capture_to_output.count());
  return milliseconds;
}

// A frame alone takes another machine each time.
int most_replicas(const Plan& plan) {
  std::size_t most = 1;
  for (const PlacedPart& part : plan.parts) most = std::max(most, part.machines.size());
  return static_cast<int>(most);
}

}  // namespace

BoardMeasurement run_for_real(const BoardScenario& scenario, const Cluster& cluster,
                              const LoadedPlan& plan, int in_flight, const std::string& heaviest,
                              const std::filesystem::path& folder) {
  LabMachines machines(scenario.mode, cluster, folder);
  LabRun run{.plan = plan,
             .cluster = cluster,
             .data = frames_from(scenario.data, plan.plan.input),
             .clip_stride = scenario.clip_stride,
             .frames = std::max(scenario.confirm_frames, 2 * in_flight),
             .cell_time = Seconds{0},
             .in_flight = in_flight,
             .deadline = kDeadline};
  const Trace full = machines.run(run, folder / "full");
  // The first frame of each replica finds everything cold.
  const int replicas = most_replicas(plan.plan);
  run.in_flight = 1;
  run.frames = replicas + kAloneFrames;
  const Trace alone = machines.run(run, folder / "alone");
  // Those that fill the machines wait less than those that come after.
  const auto filled = latencies_after(full, in_flight);
  return {.throughput = throughput(full),
          .p50_ms = quantile(filled, 0.5),
          .p95_ms = quantile(filled, 0.95),
          .alone_ms = quantile(latencies_after(alone, replicas), 0.5),
          .memory = static_cast<double>(machines.peak_memory(heaviest))};
}

}  // namespace isthmus
