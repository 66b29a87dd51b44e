#include "lab/board_confirm.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/statistics.h"
#include "lab/frames.h"
#include "lab/machines.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

// Longer than any frame of a network on slow boards takes.
constexpr Seconds kDeadline{600};
// For starting and deploying.
constexpr Seconds kPatience{240};
// Frames alone that are counted.
constexpr int kAloneFrames = 3;

std::vector<double> latencies_after(const Trace& trace, int frames) {
  std::vector<double> milliseconds;
  for (std::size_t i = static_cast<std::size_t>(frames); i < trace.frames.size(); ++i)
    milliseconds.push_back(1e3 * trace.frames[i].capture_to_output.count());
  return milliseconds;
}

// An answer of the source itself would be none of the plan's.
void check_answers(const Trace& trace, int frames) {
  const auto answered = std::ranges::count(trace.frames, Outcome::kAnswered, &FrameRecord::outcome);
  if (answered != frames)
    throw Error(
        ErrorKind::kUnavailable,
        fmt::format("{} of {} frames were answered by the plan's machines", answered, frames));
}

// A frame alone takes another machine each time.
int most_replicas(const Plan& plan) {
  std::size_t most = 1;
  for (const PlacedPart& part : plan.parts) most = std::max(most, part.machines.size());
  return static_cast<int>(most);
}

}  // namespace

BoardMeasurement run_for_real(const BoardScenario& scenario, const Cluster& cluster,
                              const LoadedPlan& plan, const SpreadOutcome& expected,
                              const std::string& heaviest, const std::filesystem::path& folder) {
  const int in_flight = expected.in_flight;
  LabMachines machines(scenario.mode, cluster, folder);
  LabRun run{.plan = plan,
             .cluster = cluster,
             .data = frames_from(scenario.data, plan.plan.input),
             .clip_stride = scenario.clip_stride,
             .frames = std::max(scenario.confirm_frames, 2 * in_flight),
             .cell_time = Seconds{0},
             .in_flight = in_flight,
             .deadline = kDeadline};
  run.patience = kPatience + 2 * run.frames * expected.alone;
  const Trace full = machines.run(run, folder / "full");
  check_answers(full, run.frames);
  // The first frame of each replica finds everything cold.
  const int replicas = most_replicas(plan.plan);
  run.in_flight = 1;
  run.frames = replicas + kAloneFrames;
  const Trace alone = machines.run(run, folder / "alone");
  check_answers(alone, run.frames);
  // Those that fill the machines wait less than those that come after.
  const auto filled = latencies_after(full, in_flight);
  return {.throughput = throughput(full),
          .p50_ms = quantile(filled, 0.5),
          .p95_ms = quantile(filled, 0.95),
          .alone_ms = quantile(latencies_after(alone, replicas), 0.5),
          .memory = static_cast<double>(machines.peak_memory(heaviest))};
}

}  // namespace isthmus
