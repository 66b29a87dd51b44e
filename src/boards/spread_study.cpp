#include "boards/spread_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "boards/network_measurement.h"
#include "core/error.h"
#include "core/statistics.h"
#include "graph/shapes.h"
#include "plan/costs.h"
#include "plan/devices.h"
#include "plan/waiting.h"

namespace isthmus {
namespace {

// Of the message that carries the input.
std::int64_t input_bytes_of(const PlanInput& input, const std::string& image_codec) {
  if (input.width == 0) return 4 * element_count(input.shape);
  if (image_codec != "raw")
    throw Error(ErrorKind::kUnsupported, "pictures go to boards as raw, not as " + image_codec);
  return 3 * static_cast<std::int64_t>(input.width) * input.height;
}

// What a stage takes on its machine `k`, as one part.
Seconds part_time(const SpreadResult& result, std::size_t stage, std::size_t k,
                  const Profile& known) {
  const PlacedPart* part = result.plan.plan.find(stage_part(result.pipeline, stage, k));
  return known.parts.at(part->sha256).median;
}

}  // namespace

std::set<std::string> machines_of(const Plan& plan) {
  std::set<std::string> machines;
  for (const PlacedPart& part : plan.parts)
    machines.insert(part.machines.begin(), part.machines.end());
  return machines;
}

StageTimes part_times(const SpreadResult& result, const Profile& known) {
  StageTimes times;
  for (std::size_t s = 0; s < result.pipeline.stages.size(); ++s) {
    times.emplace_back();
    for (std::size_t k = 0; k < result.pipeline.stages[s].machines.size(); ++k)
      times[s].push_back(part_time(result, s, k, known));
  }
  return times;
}

void fill_board_slowdowns(Cluster& cluster, const NetworkUnderStudy& network, Profile& known,
                          int runs) {
  for (Machine& machine : cluster.machines) machine.weights_from_memory = true;
  if (!needs_slowdowns(cluster)) return;
  set_slowdowns(cluster, network.name, network.work,
                NetworkMeasurement(network.graph, known, runs).whole());
}

void fill_board_slowdowns(Cluster& cluster, const LoadedPlan& plan, Profile& known, int runs) {
  for (Machine& machine : cluster.machines) machine.weights_from_memory = true;
  if (!needs_slowdowns(cluster)) return;
  const Graph nothing;
  NetworkMeasurement(nothing, known, runs).plan(plan);
  GraphWork work;
  Seconds whole{0};
  for (const PlacedPart& part : plan.plan.parts) {
    for (const auto& [kind, amount] : work_of(parse_graph(*plan.parts.at(part.name), part.name)))
      work[kind] += amount;
    whole += known.parts.at(part.sha256).median;
  }
  set_slowdowns(cluster, plan.plan.network, work, whole);
}

double value_of(const SpreadOutcome& outcome, PipelineObjective objective) {
  return objective == PipelineObjective::kLatency ? outcome.alone.count() : 1 / outcome.throughput;
}

Trace play_frames(const Plan& plan, const Cluster& cluster, const Profile& profile,
                  std::int64_t frames, int in_flight, bool record_spans) {
  const std::vector<Plan> ladder{plan};
  return simulate({.frames = frames,
                   .max_in_flight = in_flight,
                   .deadline = Seconds{1e6},
                   .local_fallback = false,
                   .record_spans = record_spans},
                  ladder, cluster, profile);
}

int frames_to_fill(const Plan& plan) { return 3 * static_cast<int>(machines_of(plan).size()); }

double frames_on_their_way(const Trace& trace, std::size_t filling) {
  // Of each frame from when to when.
  std::vector<std::pair<double, double>> ways;
  for (const FrameRecord& frame : trace.frames)
    ways.emplace_back(frame.captured.count(), (frame.captured + frame.capture_to_output).count());
  std::ranges::sort(ways);
  const double begin = filling < ways.size() ? ways[filling].first : 0;
  const double end = ways.empty() ? 0 : ways.back().first;
  // All were admitted at once.
  if (end <= begin) return static_cast<double>(ways.size());
  double sum = 0;
  for (const auto& [from, to] : ways)
    sum += std::max(0.0, std::min(to, end) - std::max(from, begin));
  return sum / (end - begin);
}

SpreadOutcome play_spread(const Plan& plan, const Cluster& cluster, const Profile& profile,
                          std::int64_t frames) {
  const auto latencies = [](const Trace& trace) {
    std::vector<double> seconds;
    for (const FrameRecord& frame : trace.frames)
      if (frame.outcome == Outcome::kAnswered) seconds.push_back(frame.capture_to_output.count());
    return seconds;
  };
  const int in_flight = frames_to_fill(plan);
  const Trace full = play_frames(plan, cluster, profile, frames, in_flight);
  const auto alone = latencies(play_frames(plan, cluster, profile, 3, 1));
  const auto seconds = latencies(full);
  // Fewer frames: the plan fills, and is full for a while.
  constexpr int kWaves = 7;
  const bool limited = std::ranges::any_of(
      cluster.machines, [](const Machine& machine) { return machine.memory > 0; });
  return {.throughput = throughput(full),
          .latency_p50 = Seconds{quantile(seconds, 0.5)},
          .latency_p95 = Seconds{quantile(seconds, 0.95)},
          .alone = Seconds{quantile(alone, 0.5)},
          .in_flight = in_flight,
          .on_their_way = static_cast<int>(
              std::ceil(frames_on_their_way(full, static_cast<std::size_t>(in_flight)))),
          .waiting = limited ? most_waiting(play_frames(plan, cluster, profile, kWaves * in_flight,
                                                        in_flight, /*record_spans=*/true),
                                            plan)
                             : WaitingBytes{}};
}

SpreadResult spread_as(const NetworkUnderStudy& network, const Cluster& cluster,
                       const SpreadRequest& request, const PipelineProblem& problem,
                       const PipelinePlan& pipeline, Profile& known) {
  SpreadResult result{.problem = problem, .pipeline = pipeline};
  result.plan = spread_plan(network.graph, problem, pipeline, network.name,
                            {.input = network.input,
                             .labels = network.labels,
                             .image_codec = request.image_codec,
                             .codec = request.codec,
                             .deadline = request.deadline,
                             .source = cluster.source});
  NetworkMeasurement(network.graph, known, request.runs).plan(result.plan);
  result.outcome = play_spread(result.plan.plan, cluster, known, request.frames);
  for (std::size_t s = 0; s < pipeline.stages.size(); ++s) {
    const PipelineStage& stage = pipeline.stages[s];
    if (stage.mode != StageMode::kShards) continue;
    for (std::size_t k = 0; k < stage.shares.size(); ++k)
      result.estimates.push_back(problem.shards[stage.option].time.at(stage.shares[k]) /
                                 part_time(result, s, k, known).count());
  }
  return result;
}

NetworkUnderStudy study_for_boards(Graph graph, const std::string& model, const std::string& name) {
  NetworkUnderStudy network = study_network(std::move(graph), model, name);
  for (const NamedValue& input : network.graph.inputs)
    if (input.value.dtype != DType::kF32)
      throw Error(ErrorKind::kUnsupported,
                  fmt::format("{} takes {} as {}: boards are sent float32", name, input.name,
                              to_string(input.value.dtype)));
  network.graph = with_input_shape(network.graph, network.input.shape);
  return network;
}

PipelineProblem study_units(const NetworkUnderStudy& network, const Cluster& cluster,
                            const SpreadRequest& request, Profile& known, const Progress& progress,
                            WorkRegression* regression) {
  const std::vector<std::string> units = pipeline_units(network.graph);
  NetworkMeasurement measurement(network.graph, known, request.runs);
  const auto measured = measurement.units(units, request.codec, progress);
  UnitOptions options{
      .machines = static_cast<int>(cluster.machines.size()) - 1,
      .codec = request.codec,
      .input_bytes = input_bytes_of(network.input, request.image_codec),
      .input = measurement.input(network.input,
                                 network.input.width > 0 ? request.image_codec : request.codec)};
  std::vector<WorkSample> samples;
  for (std::size_t i = 0; i < units.size(); ++i) {
    // The clock of a thread's CPU time may not have moved for the smallest.
    samples.push_back({work_of(unit_graph(network.graph, units, i)),
                       std::max(measured[i].part.median, Seconds{1e-9})});
  }
  const WorkRegression fitted = fit_work(samples);
  options.seconds_per_work = fitted.seconds;
  if (regression) *regression = fitted;
  return pipeline_problem(network.graph, units, measured, options);
}

}  // namespace isthmus
