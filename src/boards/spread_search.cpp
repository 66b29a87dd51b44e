#include "boards/spread_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "pipeline/forced_shards.h"
#include "plan/costs.h"

namespace isthmus {
namespace {

bool has(StageMode mode, const PipelinePlan& plan) {
  return std::ranges::count(plan.stages, mode, &PipelineStage::mode) > 0;
}

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

// What a plan needs of the machines with limits of memory that it uses, by name; and what is wrong
// with it, if anything is.
struct MemoryNeeds {
  std::map<std::string, std::int64_t> bytes;
  std::optional<std::string> problem;
};

MemoryNeeds memory_needs(const SpreadResult& result, const Cluster& cluster, const Profile& known) {
  const Plan& plan = result.plan.plan;
  const WaitingBytes& waiting = result.outcome.waiting;
  const PlanCosts costs = costs_of(plan, cluster.source, known);
  MemoryNeeds needs{.bytes = {}, .problem = memory_problem(plan, costs, cluster, waiting)};
  for (const std::string& name : machines_of(plan)) {
    const Machine& machine = cluster.machine(name);
    if (machine.has_hard_limit())
      needs.bytes[name] = memory_footprint(plan, costs, machine, waiting);
  }
  return needs;
}

// Takes from the memory of every machine what a plan needs beyond it. If that has been done before,
// twice as much each time, and from those of the same memory as well: what a machine does beside
// its stage, merging and scattering, may have moved to another.
void take_excess(const MemoryNeeds& needs, const Cluster& cluster, int before, Cluster& tight) {
  std::vector<std::int64_t> excess(cluster.machines.size(), 0);
  std::map<std::int64_t, std::int64_t> most_of_memory;
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    const Machine& machine = cluster.machines[i];
    const auto needed = needs.bytes.find(machine.name);
    if (needed == needs.bytes.end()) continue;
    excess[i] = needed->second - machine.memory;
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
      auto needs = too_large_.find(text);
      if (needs == too_large_.end()) {
        SpreadResult result = spread_as(network_, cluster_, request_, problem, *pipeline, known_);
        MemoryNeeds its = memory_needs(result, cluster_, known_);
        if (!its.problem) {
          tried_.insert(std::move(text));
          return result;
        }
        needs = too_large_.emplace(std::move(text), std::move(its)).first;
      }
      take_excess(needs->second, cluster_, i, tight);
      too_much = needs->second.problem;
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
  // Plans that fit, and those that do not.
  std::set<std::string> tried_;
  std::map<std::string, MemoryNeeds> too_large_;
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
  if (request.rounds == 0 || !request.restricted) return tries.in_rounds(problem).value();
  std::optional<SpreadResult> best;
  std::optional<Error> too_much;
  try {
    best = tries.in_rounds(problem);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    too_much = error;
  }
  const std::optional<PipelinePlan> first = best ? std::optional(best->pipeline) : std::nullopt;
  const auto try_restricted = [&](const PipelineProblem& restricted) {
    // Memory may ask for what was taken away.
    auto other = if_possible([&] { return tries.in_rounds(restricted); });
    if (!other || (best && !tries.is_better(*other, *best))) return;
    add_missing(other->problem.shards, best ? best->problem.shards : problem.shards);
    best = std::move(*other);
  };
  const auto without = [](PipelineProblem restricted, bool PipelineProblem::* what) {
    restricted.*what = false;
    return restricted;
  };
  // A first plan that needs more memory than was thought may have had any of these.
  const auto had = [&](StageMode mode) { return !first || has(mode, *first); };
  // Shards are estimated, and may take more than was thought; other stages take what they took.
  const PipelineProblem forced = with_forced_shards_only(problem, cluster);
  const bool may_have_fewer =
      had(StageMode::kShards) && forced.shards.size() < problem.shards.size();
  if (may_have_fewer) try_restricted(forced);
  // Boards that serve several stages wait for each other more than the planner counts, and more
  // frames may wait on them.
  const bool throughput = request.objective == PipelineObjective::kThroughput;
  if (!first || (throughput && (serves_twice(*first) || serves_twice(best->pipeline)))) {
    try_restricted(without(problem, &PipelineProblem::several_stages));
    if (may_have_fewer) try_restricted(without(forced, &PipelineProblem::several_stages));
  }
  // Shards are estimated with care, and what replicas do is known: so shards are not measured where
  // they are estimated to be a little slower. They may be faster.
  if (throughput && problem.replicas && cluster.machines.size() <= kFewMachines &&
      (had(StageMode::kReplicas) || !has(StageMode::kShards, *first)))
    try_restricted(without(problem, &PipelineProblem::replicas));
  if (!best) throw Error(*too_much);
  return *best;
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
