#include "boards/spread_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "boards/network_measurement.h"
#include "core/error.h"
#include "core/statistics.h"
#include "graph/shapes.h"
#include "pipeline/forced_shards.h"
#include "plan/costs.h"
#include "plan/devices.h"

namespace isthmus {
namespace {

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

bool has(StageMode mode, const PipelinePlan& plan) {
  return std::ranges::count(plan.stages, mode, &PipelineStage::mode) > 0;
}

}  // namespace

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
                  std::int64_t frames, int in_flight) {
  const std::vector<Plan> ladder{plan};
  return simulate({.frames = frames,
                   .max_in_flight = in_flight,
                   .deadline = Seconds{1e6},
                   .local_fallback = false,
                   .record_spans = false},
                  ladder, cluster, profile);
}

int frames_to_fill(const Plan& plan) { return 3 * static_cast<int>(machines_of(plan).size()); }

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

namespace {

// A stage's option that its shares cannot be cut by, and in how many pieces: options are tried with
// equal shares only.
std::optional<std::pair<std::size_t, int>> impossible_stage(const Graph& graph,
                                                            const PipelineProblem& problem,
                                                            const PipelinePlan& pipeline) {
  std::string from;
  const auto stages = stage_specs(problem, pipeline);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    if (shard_problem(graph, from, stages[s]))
      return std::pair(pipeline.stages[s].option,
                       static_cast<int>(pipeline.stages[s].machines.size()));
    from = stages[s].until;
  }
  return std::nullopt;
}

// A way to share that the plan's shares do not allow is dropped for so many pieces.
PipelinePlan possible_plan(const Graph& graph, const Cluster& cluster, PipelineProblem& problem,
                           const PlanPipeline& plan) {
  PipelinePlan pipeline = plan(problem, cluster);
  while (const auto stage = impossible_stage(graph, problem, pipeline)) {
    const auto& [option, pieces] = *stage;
    ShardOption& way = problem.shards[option];
    if (pieces > 2 && way.most >= pieces)
      way.most = pieces - 1;
    else
      problem.shards.erase(problem.shards.begin() + static_cast<std::ptrdiff_t>(option));
    pipeline = plan(problem, cluster);
  }
  return pipeline;
}

// Takes from the memory of every machine what the plan needs beyond it; whether any has too little.
// If that has been done before, twice as much each time, and from those of the same memory as well:
// what a machine does beside its stage, merging and scattering, may have moved to another.
bool take_excess(const Plan& plan, const PlanCosts& costs, const Cluster& cluster, int before,
                 Cluster& tight) {
  std::vector<std::int64_t> excess(cluster.machines.size(), 0);
  std::map<std::int64_t, std::int64_t> most_of_memory;
  const std::set<std::string> used = machines_of(plan);
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    const Machine& machine = cluster.machines[i];
    if (!machine.has_hard_limit() || !used.contains(machine.name)) continue;
    excess[i] = memory_footprint(plan, costs, machine) - machine.memory;
    if (excess[i] <= 0) continue;
    std::int64_t& most = most_of_memory[machine.memory];
    most = std::max(most, excess[i]);
  }
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    const Machine& machine = cluster.machines[i];
    const auto most = most_of_memory.find(machine.memory);
    if (before > 0 && machine.has_hard_limit() && most != most_of_memory.end())
      excess[i] = most->second;
    if (excess[i] > 0)
      tight.machines[i].memory =
          std::max<std::int64_t>(1, tight.machines[i].memory - (excess[i] << before));
  }
  return !most_of_memory.empty();
}

// Nothing where `make` throws kUnsupported: what it would make is not possible.
template <typename Make>
auto if_possible(const Make& make) -> decltype(std::optional(make())) {
  try {
    return make();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    return std::nullopt;
  }
}

// Tries of plans for one network on one cluster.
class Tries {
 public:
  Tries(const NetworkUnderStudy& network, const Cluster& cluster, const SpreadRequest& request,
        const PlanPipeline& plan, Profile& known)
      : network_(network), cluster_(cluster), request_(request), plan_(plan), known_(known) {}

  // The best of the plan for the problem and of those for what its parts were measured to take.
  // Nothing if the first was tried before.
  std::optional<SpreadResult> in_rounds(const PipelineProblem& problem) {
    std::optional<SpreadResult> best = in_fewer_shards(problem);
    if (!best) return best;
    SpreadResult last = *best;
    // Units were measured one by one: without shards nothing was estimated.
    for (int round = 0; round < request_.rounds && has(StageMode::kShards, last.pipeline);
         ++round) {
      std::optional<SpreadResult> next = if_possible([&] {
        return within_memory(
            with_measured_shards(last.problem, last.pipeline, part_times(last, known_)));
      });
      if (!next) break;
      last = std::move(*next);
      // One that is no better teaches what its shards take: the next may be.
      if (is_better(last, *best)) best = last;
    }
    return best;
  }

  bool is_better(const SpreadResult& one, const SpreadResult& other) const {
    return value_of(one.outcome, request_.objective) < value_of(other.outcome, request_.objective);
  }

 private:
  // What the planner does not count grows with the number of shards: room at who divides and
  // merges.
  std::optional<SpreadResult> in_fewer_shards(PipelineProblem problem) {
    std::optional<Error> first;
    for (int widest = static_cast<int>(cluster_.machines.size()) - 1;;) {
      try {
        auto result = within_memory(problem);
        if (result || !first) return result;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kUnsupported) throw;
        if (!first) first = error;
      }
      if (problem.shards.empty()) throw Error(*first);
      widest /= 2;
      for (ShardOption& option : problem.shards) option.most = std::min(option.most, widest);
      std::erase_if(problem.shards, [](const ShardOption& option) { return option.most < 2; });
    }
  }

  std::optional<SpreadResult> within_memory(PipelineProblem problem) {
    constexpr int kMostTries = 8;
    Cluster tight = cluster_;
    std::optional<std::string> too_much;
    for (int i = 0; i < kMostTries; ++i) {
      const auto planned = [&] { return possible_plan(network_.graph, tight, problem, plan_); };
      // With less memory than they have there may be none.
      std::optional<PipelinePlan> pipeline =
          i == 0 ? std::optional(planned()) : if_possible(planned);
      if (!pipeline) break;
      std::string text = text_of(problem, *pipeline);
      if (tried_.contains(text)) return std::nullopt;
      SpreadResult result = spread_as(network_, cluster_, request_, problem, *pipeline, known_);
      const PlanCosts costs = costs_of(result.plan.plan, cluster_.source, known_);
      if (!take_excess(result.plan.plan, costs, cluster_, i, tight)) {
        tried_.insert(std::move(text));
        return result;
      }
      too_much = memory_problem(result.plan.plan, costs, cluster_);
    }
    throw Error(ErrorKind::kUnsupported,
                "no plan keeps to the machines' memory: " + too_much.value_or(""));
  }

  static std::string text_of(const PipelineProblem& problem, const PipelinePlan& pipeline) {
    std::string text;
    for (const PipelineStage& stage : pipeline.stages) {
      text += fmt::format("{}-{} {}", stage.first, stage.last, static_cast<int>(stage.mode));
      if (stage.mode == StageMode::kShards) text += problem.shards[stage.option].kind;
      for (std::size_t k = 0; k < stage.machines.size(); ++k)
        text += fmt::format(" {}={}", stage.machines[k], stage.shares[k]);
      text += '\n';
    }
    return text;
  }

  const NetworkUnderStudy& network_;
  const Cluster& cluster_;
  const SpreadRequest& request_;
  const PlanPipeline& plan_;
  Profile& known_;
  // Plans that fit.
  std::set<std::string> tried_;
};

// A plan's stages name their options by index: those that it was not given come behind its own.
void add_missing(std::vector<ShardOption>& options, const std::vector<ShardOption>& all) {
  const auto way = [](const ShardOption& option) {
    return std::tie(option.first, option.last, option.kind);
  };
  for (const ShardOption& option : all)
    if (std::ranges::none_of(options, [&](const auto& own) { return way(own) == way(option); }))
      options.push_back(option);
}

}  // namespace

bool can_be_made(const Graph& graph, const PipelineProblem& problem, const PipelinePlan& pipeline) {
  return !impossible_stage(graph, problem, pipeline);
}

SpreadResult spread_in_rounds(const NetworkUnderStudy& network, const Cluster& cluster,
                              const SpreadRequest& request, const PipelineProblem& problem,
                              const PlanPipeline& plan, Profile& known) {
  Tries tries(network, cluster, request, plan, known);
  SpreadResult best = tries.in_rounds(problem).value();
  if (request.rounds == 0 || !request.restricted) return best;
  const PipelinePlan first = best.pipeline;
  const auto try_restricted = [&](const PipelineProblem& restricted) {
    // Memory may ask for what was taken away.
    auto other = if_possible([&] { return tries.in_rounds(restricted); });
    if (!other || !tries.is_better(*other, best)) return;
    add_missing(other->problem.shards, best.problem.shards);
    best = std::move(*other);
  };
  const auto without = [](PipelineProblem restricted, bool PipelineProblem::* what) {
    restricted.*what = false;
    return restricted;
  };
  // Shards are estimated, and may take more than was thought; other stages take what they took.
  const PipelineProblem forced = with_forced_shards_only(problem, cluster);
  const bool may_have_fewer =
      has(StageMode::kShards, first) && forced.shards.size() < problem.shards.size();
  if (may_have_fewer) try_restricted(forced);
  if (request.objective != PipelineObjective::kThroughput) return best;
  // Boards that serve several stages wait for each other more than the planner counts.
  if (serves_twice(first) || serves_twice(best.pipeline)) {
    try_restricted(without(problem, &PipelineProblem::several_stages));
    if (may_have_fewer) try_restricted(without(forced, &PipelineProblem::several_stages));
  }
  // Shards are estimated with care, and what replicas do is known: so shards are not measured where
  // they are estimated to be a little slower. They may be faster.
  if (problem.replicas && cluster.machines.size() <= kFewMachines &&
      (has(StageMode::kReplicas, first) || !has(StageMode::kShards, first)))
    try_restricted(without(problem, &PipelineProblem::replicas));
  return best;
}

SpreadResult spread_network(const NetworkUnderStudy& network, const Cluster& cluster,
                            const SpreadRequest& request, Profile& known,
                            const Progress& progress) {
  WorkRegression regression;
  const PipelineProblem problem =
      study_units(network, cluster, request, known, progress, &regression);
  SpreadResult best = spread_in_rounds(
      network, cluster, request, problem,
      [&](const PipelineProblem& each, const Cluster& on) {
        return plan_pipeline(each, on, request.objective);
      },
      known);
  best.regression = std::move(regression);
  return best;
}

SpreadResult spread_again(const NetworkUnderStudy& network, const Cluster& cluster,
                          const SpreadRequest& request, const Plan& running, Profile& known) {
  const UnitsOfMachines held = units_held(running, pipeline_units(network.graph));
  return spread_in_rounds(
      network, cluster, request, study_units(network, cluster, request, known),
      [&](const PipelineProblem& each, const Cluster& on) {
        return keeping_machines(each, on, held, plan_pipeline(each, on, request.objective));
      },
      known);
}

}  // namespace isthmus
