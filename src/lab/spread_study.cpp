#include "lab/spread_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "codec/codec.h"
#include "codec/normalise.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/statistics.h"
#include "engine/random_tensor.h"
#include "graph/cost.h"
#include "lab/measure.h"
#include "lab/plan_runner.h"
#include "plan/devices.h"
#include "serve/blob_store.h"

namespace isthmus {
namespace {

// The least CPU time of a few calls: other work on this machine only ever adds.
template <typename Call>
Seconds least_time(int runs, const Call& call) {
  Seconds least{1e9};
  for (int i = 0; i < runs; ++i) {
    const Seconds start = thread_cpu_time();
    call();
    least = std::min(least, thread_cpu_time() - start);
  }
  return least;
}

CodecProfile measure_codec(const Codec& codec, const Tensor& tensor, int runs) {
  CodecProfile profile;
  Payload payload = codec.encode(tensor);
  profile.bytes = static_cast<double>(payload.size());
  profile.encode = least_time(runs, [&] { payload = codec.encode(tensor); });
  profile.decode = least_time(runs, [&] {
    codec.decode_shared(payload.bytes(), payload.owner(), tensor.dtype(), tensor.shape());
  });
  return profile;
}

Tensor random_like(const Value& value) {
  Shape shape = value.shape;
  if (!shape.empty() && shape[0] < 0) shape[0] = 1;
  return random_tensor(value.dtype, shape, /*seed=*/1);
}

// The part with its weights where an agent has them: a product reads them about a tenth faster from
// a mapped file than from elsewhere.
Graph as_held(const Graph& part) {
  const PartBundle bundle = bundle_part(part);
  BlobStore store;
  for (const auto& [hash, blob] : bundle.blobs) store.put(hash, blob);
  return unbundle_part(bundle.hash, [&](const std::string& hash) { return store.get(hash); });
}

// Measures parts of networks that are not known yet.
class PartMeasurement {
 public:
  // The weights of all parts together are so many bytes.
  PartMeasurement(Profile& known, int runs, std::int64_t network_bytes)
      : known_(known), runs_(runs), network_bytes_(network_bytes) {}

  const PartProfile& operator()(const Graph& part, const std::string& hash) {
    auto found = known_.parts.find(hash);
    if (found == known_.parts.end())
      found = known_.parts.emplace(hash, measure_among(as_held(part), runs_, network_bytes_)).first;
    return found->second;
  }

 private:
  Profile& known_;
  const int runs_;
  const std::int64_t network_bytes_;
};

// Where each machine holds what it runs.
std::int64_t bytes_of(const LoadedPlan& plan) {
  std::int64_t bytes = 0;
  for (const PlacedPart& part : plan.plan.parts)
    bytes += static_cast<std::int64_t>(part.machines.size() * plan.parts.at(part.name)->size());
  return bytes;
}

// Measures what a spread plan has and a profile has not.
class SpreadMeasurement {
 public:
  SpreadMeasurement(const LoadedPlan& plan, Profile& known, int runs)
      : loaded_(plan),
        plan_(plan.plan),
        known_(known),
        runs_(runs),
        measure_part_(known, runs, bytes_of(plan)) {}

  void part(const PlacedPart& part) {
    const Graph graph = parse_graph(*loaded_.parts.at(part.name), part.name);
    values_[part.name] = {};
    for (const NamedValue& output : graph.outputs) values_[part.name][output.name] = output.value;
    measure_part_(graph, part.sha256);
  }

  void edge(const PlanEdge& edge) {
    if (edge.edge.from_part.empty() && plan_.input.width > 0) return input(edge);
    const std::string key = codec_key(plan_, edge);
    if (known_.codecs.contains(key)) return;
    const Tensor tensor =
        edge.edge.from_part.empty()
            ? random_tensor(DType::kF32, plan_.input.shape, 1)
            : random_like(values_.at(edge.edge.from_part).at(edge.edge.from_tensor));
    known_.codecs[key] = measure_codec(*codec_of(loaded_, edge.codec), tensor, runs_);
  }

 private:
  void input(const PlanEdge& edge) {
    const Tensor image = random_tensor(DType::kU8, {plan_.input.height, plan_.input.width, 3}, 1);
    const Normalization normalization{
        .scale = plan_.input.scale, .mean = plan_.input.mean, .std = plan_.input.std};
    const std::string normalise_name = normalise_key(plan_, edge);
    if (!known_.codecs.contains(normalise_name))
      known_.codecs[normalise_name].encode =
          least_time(runs_, [&] { normalise(image, normalization); });
    const std::string key = codec_key(plan_, edge);
    if (!known_.codecs.contains(key))
      known_.codecs[key] = measure_codec(
          *codec_of(loaded_, edge.codec),
          is_image_codec(edge.codec.name) ? image : normalise(image, normalization), runs_);
  }

  const LoadedPlan& loaded_;
  const Plan& plan_;
  Profile& known_;
  const int runs_;
  PartMeasurement measure_part_;
  // Outputs by part.
  std::map<std::string, std::map<std::string, Value>> values_;
};

// Of the message that carries the input.
std::int64_t input_bytes_of(const PlanInput& input, const std::string& image_codec) {
  if (input.width == 0) return 4 * element_count(input.shape);
  if (image_codec != "raw")
    throw Error(ErrorKind::kUnsupported, "pictures go to boards as raw, not as " + image_codec);
  return 3 * static_cast<std::int64_t>(input.width) * input.height;
}

std::set<std::string> machines_of(const Plan& plan) {
  std::set<std::string> machines;
  for (const PlacedPart& part : plan.parts)
    machines.insert(part.machines.begin(), part.machines.end());
  return machines;
}

// What a stage takes on its machine `k`, as one part.
Seconds part_time(const SpreadResult& result, std::size_t stage, std::size_t k,
                  const Profile& known) {
  const PlacedPart* part = result.plan.plan.find(stage_part(result.pipeline, stage, k));
  return known.parts.at(part->sha256).median;
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

bool has_shards(const PipelinePlan& plan) {
  return std::ranges::count(plan.stages, StageMode::kShards, &PipelineStage::mode) > 0;
}

}  // namespace

void fill_slowdowns(Cluster& cluster, const NetworkUnderStudy& network, Profile& known, int runs) {
  if (!needs_slowdowns(cluster)) return;
  PartMeasurement measure(known, runs, cost_of(network.graph).weight_bytes);
  set_slowdowns(cluster, network.name, network.work,
                measure(network.graph, sha256(to_onnx(network.graph))).median);
}

std::vector<MeasuredUnit> measure_units(const Graph& graph, const std::vector<std::string>& units,
                                        const std::string& codec, Profile& known, int runs,
                                        const Progress& progress) {
  const auto wire = make_codec(codec_spec_from_string(codec));
  PartMeasurement measure(known, runs, cost_of(graph).weight_bytes);
  std::vector<MeasuredUnit> measured;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const Graph unit = unit_graph(graph, units, i);
    const std::string hash = sha256(to_onnx(unit));
    const PartProfile& part = measure(unit, hash);
    const std::string key = hash + '/' + units[i] + '/' + codec;
    if (!known.codecs.contains(key))
      known.codecs[key] = measure_codec(*wire, random_like(unit.outputs[0].value), runs);
    measured.push_back({part, known.codecs.at(key)});
    if (progress)
      progress(static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(units.size()));
  }
  return measured;
}

void measure_spread(const LoadedPlan& plan, Profile& known, int runs, const Progress& progress) {
  SpreadMeasurement measurement(plan, known, runs);
  std::int64_t done = 0;
  for (const PlacedPart& part : plan.plan.parts) {
    measurement.part(part);
    if (progress) progress(++done, static_cast<std::int64_t>(plan.plan.parts.size()));
  }
  for (const PlanEdge& edge : plan.plan.edges) measurement.edge(edge);
}

double value_of(const SpreadOutcome& outcome, PipelineObjective objective) {
  return objective == PipelineObjective::kLatency ? outcome.alone.count() : 1 / outcome.throughput;
}

Trace play_frames(const Plan& plan, const Cluster& cluster, const Profile& profile,
                  std::int64_t frames, int in_flight) {
  const std::vector<Plan> ladder{plan};
  return simulate({.frames = frames,
                   .max_in_flight = in_flight,
                   .deadline = Seconds{1e6},
                   .local_fallback = false,
                   .record_spans = false},
                  ladder, cluster, profile);
}

SpreadOutcome play_spread(const Plan& plan, const Cluster& cluster, const Profile& profile,
                          std::int64_t frames) {
  const auto latencies = [](const Trace& trace) {
    std::vector<double> seconds;
    for (const FrameRecord& frame : trace.frames)
      if (frame.outcome == Outcome::kAnswered) seconds.push_back(frame.capture_to_output.count());
    return seconds;
  };
  const int in_flight = 3 * static_cast<int>(machines_of(plan).size());
  const Trace full = play_frames(plan, cluster, profile, frames, in_flight);
  const auto alone = latencies(play_frames(plan, cluster, profile, 3, 1));
  const auto seconds = latencies(full);
  return {.throughput = throughput(full),
          .latency_p50 = Seconds{quantile(seconds, 0.5)},
          .latency_p95 = Seconds{quantile(seconds, 0.95)},
          .alone = Seconds{quantile(alone, 0.5)},
          .in_flight = in_flight};
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
  measure_spread(result.plan, known, request.runs);
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

PipelineProblem study_units(const NetworkUnderStudy& network, const Cluster& cluster,
                            const SpreadRequest& request, Profile& known, const Progress& progress,
                            WorkRegression* regression) {
  const std::vector<std::string> units = pipeline_units(network.graph);
  const auto measured =
      measure_units(network.graph, units, request.codec, known, request.runs, progress);
  UnitOptions options{.machines = static_cast<int>(cluster.machines.size()) - 1,
                      .codec = request.codec,
                      .input_bytes = input_bytes_of(network.input, request.image_codec)};
  std::vector<WorkSample> samples;
  for (std::size_t i = 0; i < units.size(); ++i)
    samples.push_back({work_of(unit_graph(network.graph, units, i)), measured[i].part.median});
  const WorkRegression fitted = fit_work(samples);
  options.seconds_per_work = fitted.seconds;
  if (regression) *regression = fitted;
  return pipeline_problem(network.graph, units, measured, options);
}

namespace {

SpreadResult in_rounds(const NetworkUnderStudy& network, const Cluster& cluster,
                       const SpreadRequest& request, const PipelineProblem& problem,
                       const PlanPipeline& plan, Profile& known) {
  SpreadResult best = spread_as(network, cluster, request, problem, plan(problem), known);
  // Units were measured one by one: without shards nothing was estimated.
  for (int round = 0; round < request.rounds && has_shards(best.pipeline); ++round) {
    const PipelineProblem corrected =
        with_measured_shards(best.problem, best.pipeline, part_times(best, known));
    SpreadResult next = spread_as(network, cluster, request, corrected, plan(corrected), known);
    if (value_of(next.outcome, request.objective) >= value_of(best.outcome, request.objective))
      break;
    best = std::move(next);
  }
  return best;
}

}  // namespace

SpreadResult spread_in_rounds(const NetworkUnderStudy& network, const Cluster& cluster,
                              const SpreadRequest& request, const PipelineProblem& problem,
                              const PlanPipeline& plan, Profile& known) {
  SpreadResult best = in_rounds(network, cluster, request, problem, plan, known);
  // Shards are estimated with care, and what replicas do is known: so shards are not measured where
  // they are estimated to be a little slower. They may be faster.
  const bool measured_none = request.rounds > 0 && !has_shards(best.pipeline);
  if (!measured_none || !problem.replicas || cluster.machines.size() > kFewMachines ||
      request.objective != PipelineObjective::kThroughput)
    return best;
  PipelineProblem each_frame_everywhere = problem;
  each_frame_everywhere.replicas = false;
  SpreadResult other = in_rounds(network, cluster, request, each_frame_everywhere, plan, known);
  return value_of(other.outcome, request.objective) < value_of(best.outcome, request.objective)
             ? other
             : best;
}

SpreadResult spread_network(const NetworkUnderStudy& network, const Cluster& cluster,
                            const SpreadRequest& request, Profile& known,
                            const Progress& progress) {
  WorkRegression regression;
  const PipelineProblem problem =
      study_units(network, cluster, request, known, progress, &regression);
  SpreadResult best = spread_in_rounds(
      network, cluster, request, problem,
      [&](const PipelineProblem& each) { return plan_pipeline(each, cluster, request.objective); },
      known);
  best.regression = std::move(regression);
  return best;
}

SpreadResult spread_again(const NetworkUnderStudy& network, const Cluster& cluster,
                          const SpreadRequest& request, const Plan& running, Profile& known) {
  const UnitsOfMachines held = units_held(running, pipeline_units(network.graph));
  return spread_in_rounds(
      network, cluster, request, study_units(network, cluster, request, known),
      [&](const PipelineProblem& each) {
        return keeping_machines(each, cluster, held,
                                plan_pipeline(each, cluster, request.objective));
      },
      known);
}

}  // namespace isthmus
