#include "boards/confirm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <thread>

#include "core/error.h"
#include "core/json.h"
#include "core/statistics.h"
#include "lab/frames.h"
#include "lab/machines.h"
#include "plan/costs.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

// Longer than any frame of a network on slow boards takes.
constexpr Seconds kDeadline{600};
// For starting and deploying.
constexpr Seconds kPatience{240};
// Frames alone that are counted.
constexpr int kFramesAlone = 3;
// Of this machine's cores, for the work of all boards if none ever waits: in the mean, so that they
// seldom want it at the same time.
constexpr double kShareOfCores = 0.25;
// An emulated machine is held back to so many times the least that a part takes, which hides what a
// run takes more only while that is less: with cold caches five times.
constexpr double kLeastSlowdown = 8;

// As fast as they are taken: the plan fills, is full for as long, and empties.
int frames_of(const BoardScenario& scenario, const SpreadOutcome& expected) {
  return std::max(scenario.confirm_frames, 3 * expected.on_their_way);
}

// Frames alone that come before: the first finds everything cold (an emulated machine has time to
// warm up before its first answer), and where replicas differ in speed each is tried once.
int cold_frames(const Plan& plan, const Cluster& cluster) {
  std::size_t frames = 1;
  for (const PlacedPart& part : plan.parts) {
    std::set<double> speeds;
    for (const std::string& machine : part.machines)
      speeds.insert(cluster.machine(machine).slowdown);
    if (speeds.size() > 1) frames = std::max(frames, part.machines.size());
  }
  return static_cast<int>(frames);
}

// Milliseconds of all frames but the first so many. (A trace of the runtime is in the order of
// answers.)
std::vector<double> latencies_after(const Trace& trace, int frames) {
  std::map<std::uint32_t, double> by_frame;
  for (const FrameRecord& frame : trace.frames)
    by_frame[frame.key.frame] = 1e3 * frame.capture_to_output.count();
  std::vector<double> milliseconds;
  for (const auto& [frame, latency] : by_frame)
    if (frames-- <= 0) milliseconds.push_back(latency);
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

// `full`: of frames that come as fast as they are taken. The first `filling` of them find
// everything cold, and wait less than what comes after. `alone`: of frames that meet nobody.
//
// Frames a second by Little's law (Little 1961): those on their way over the mean time of one. To
// count answers in a span would take many more of them: boards that serve several stages answer in
// bursts, and replicas of different speeds in turns.
// Multiplied by `speed`, at which the traces were made.
BoardMeasurement measured(const Trace& full, int filling, const Trace& alone, int cold, int speed) {
  const auto filled = latencies_after(full, filling);
  const double on_their_way = frames_on_their_way(full, static_cast<std::size_t>(filling));
  return {.throughput = 1e3 * on_their_way / mean(filled) / speed,
          .p50_ms = speed * quantile(filled, 0.5),
          .p95_ms = speed * quantile(filled, 0.95),
          .alone_ms = speed * quantile(latencies_after(alone, cold), 0.5)};
}

// Seconds of the runs of every part on every machine.
std::map<std::pair<std::string, std::string>, std::vector<double>> runs_of(const Trace& trace) {
  std::map<std::pair<std::string, std::string>, std::vector<double>> runs;
  for (const FrameRecord& frame : trace.frames)
    for (const Span& span : frame.spans)
      if (span.kind == SpanKind::kRun)
        runs[{std::string(span.what), std::string(span.machine)}].push_back(span.duration.count());
  return runs;
}

// `expected`: bytes that a board is to need.
template <typename Expected>
void note_fullest(BoardConfirmation& result, const Cluster& cluster, const LabMachines& machines,
                  const Expected& expected) {
  double fullest = 0;
  for (const Machine& board : cluster.machines) {
    if (board.name == cluster.source) continue;
    const auto used = static_cast<double>(machines.peak_memory(board.name));
    // Without a limit the one that has had most.
    const double share = board.memory > 0 ? used / static_cast<double>(board.memory) : used;
    if (share <= fullest) continue;
    fullest = share;
    result.fullest = board.name;
    result.real.memory = used;
    result.played.memory = expected(board);
  }
}

}  // namespace

std::string disturbance_between(const Trace& played, const Trace& real, Seconds period) {
  constexpr double kMuch = 1.15;
  constexpr double kShareOfPeriod = 0.05;
  constexpr double kShortRun = 0.01;
  const auto real_runs = runs_of(real);
  double most = kMuch;
  std::string what;
  for (const auto& [which, expected] : runs_of(played)) {
    const auto found = real_runs.find(which);
    const double measured = quantile(expected, 0.5);
    if (found == real_runs.end() || measured < kShortRun) continue;
    const double taken = quantile(found->second, 0.5);
    if (std::abs(taken - measured) < kShareOfPeriod * period.count()) continue;
    const double ratio = taken / measured;
    if (std::max(ratio, 1 / ratio) <= most) continue;
    most = std::max(ratio, 1 / ratio);
    what = fmt::format(
        "{} took {:.2f} times as long on {} as when it was measured: has this machine other work?",
        which.first, ratio, which.second);
  }
  return what;
}

Cluster sped_up(Cluster cluster, double speed) {
  const auto hasten = [&](LinkProfile& link) {
    if (link.trace) return;
    link.bandwidth *= speed;
    link.latency /= speed;
  };
  for (Machine& machine : cluster.machines) {
    machine.slowdown = std::max(1.0, machine.slowdown / speed);
    machine.swap_bandwidth *= speed;
  }
  for (ClusterLink& link : cluster.links) {
    hasten(link.up);
    hasten(link.down);
  }
  for (ClusterNetwork& network : cluster.networks) hasten(network.link);
  return cluster;
}

int confirmation_speed(const BoardScenario& scenario, const Cluster& cluster, const Plan& plan,
                       const SpreadOutcome& expected) {
  const Seconds time = Seconds{frames_of(scenario, expected) / expected.throughput} +
                       (cold_frames(plan, cluster) + kFramesAlone) * expected.alone;
  const Seconds limit = scenario.confirm_limit;
  if (limit <= Seconds{0} || time <= limit) return 1;
  if (std::ranges::any_of(cluster.networks, [](const ClusterNetwork& network) {
        return network.link.trace != nullptr;
      }))
    return 1;
  double work = 0;
  double most = std::ceil(time / limit);
  most = std::min(most, cluster.machine(cluster.source).slowdown / kLeastSlowdown);
  for (const std::string& name : machines_of(plan)) {
    const double slowdown = cluster.machine(name).slowdown;
    most = std::min(most, slowdown / kLeastSlowdown);
    if (name != cluster.source) work += 1 / slowdown;
  }
  const double cores = std::max(1U, std::thread::hardware_concurrency());
  return std::max(1, static_cast<int>(std::min(most, kShareOfCores * cores / work)));
}

BoardConfirmation confirm_plan(const BoardScenario& scenario, const Cluster& boards,
                               const LoadedPlan& plan, const std::function<Profile()>& measure,
                               const SpreadOutcome& expected, int speed,
                               const std::filesystem::path& folder) {
  const Cluster cluster = sped_up(boards, speed);
  const int in_flight = expected.in_flight;
  const int filling = expected.on_their_way;
  const int frames = frames_of(scenario, expected);
  const int cold = cold_frames(plan.plan, cluster);
  const int frames_alone = cold + kFramesAlone;

  const Profile before = measure();
  LabMachines machines(scenario.mode, cluster, folder);
  LabRun run{.plan = plan,
             .cluster = cluster,
             .data = frames_from(scenario.data, plan.plan.input),
             .clip_stride = scenario.clip_stride,
             .cell_time = Seconds{0},
             .deadline = kDeadline};
  const auto run_frames = [&](int count, int at_once, const char* name) {
    run.frames = count;
    run.in_flight = at_once;
    run.patience = kPatience + 2 * count * expected.alone / speed;
    const Trace trace = machines.run(run, folder / name);
    check_answers(trace, count);
    return trace;
  };
  const Trace full = run_frames(frames, in_flight, "full");
  const Trace alone = run_frames(frames_alone, 1, "alone");

  const Profile profile = least_of(before, measure());
  const Trace played =
      play_frames(plan.plan, cluster, profile, frames, in_flight, /*record_spans=*/true);
  // Beside the real one, to be held against it frame by frame.
  write_document(folder / "full" / "virtual.json", to_json(played));
  BoardConfirmation result{
      .played = measured(played, filling, play_frames(plan.plan, cluster, profile, frames_alone, 1),
                         cold, speed),
      .real = measured(full, filling, alone, cold, speed),
      .fullest = {},
      .disturbance = {},
      .speed = speed};
  result.disturbance =
      disturbance_between(played, full, Seconds{1 / (speed * result.played.throughput)});
  note_fullest(
      result, cluster, machines,
      [&, costs = costs_of(plan.plan, cluster.source, profile)](const Machine& board) {
        return static_cast<double>(memory_footprint(plan.plan, costs, board, expected.waiting));
      });
  return result;
}

BoardConfirmation first_undisturbed(int tries, const std::function<BoardConfirmation()>& confirm) {
  for (int tried = 1;; ++tried) {
    BoardConfirmation result = confirm();
    result.tries = tried;
    if (result.disturbance.empty() || tried >= tries) return result;
  }
}

}  // namespace isthmus
