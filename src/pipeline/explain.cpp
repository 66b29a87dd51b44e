#include "pipeline/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "pipeline/coarse.h"
#include "pipeline/costs.h"

namespace isthmus {
namespace {

// What is less is rounding, or not worth a word.
constexpr double kNoticeable = 0.02;

Seconds value(const PipelinePlan& plan, PipelineObjective objective) {
  return objective == PipelineObjective::kThroughput ? plan.period : plan.latency;
}

std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kMost ? text + fmt::format(" and {} more", names.size() - kMost) : text;
}

std::string units(const PipelineProblem& problem, const PipelineStage& stage) {
  const std::string& last = problem.units[stage.last].until;
  return stage.first == stage.last ? last : problem.units[stage.first].until + " to " + last;
}

std::string mode(const PipelineProblem& problem, const PipelineStage& stage) {
  switch (stage.mode) {
    case StageMode::kSingle: return "";
    case StageMode::kReplicas: return fmt::format(" ({} replicas)", stage.machines.size());
    case StageMode::kShards:
      return fmt::format(" ({} split, {} shards)", problem.shards[stage.option].kind,
                         stage.machines.size());
  }
  return "";
}

std::vector<std::string> idle_machines(const PipelineProblem& problem, const Cluster& cluster,
                                       const PipelinePlan& plan) {
  std::set<std::string> used;
  for (const PipelineStage& stage : plan.stages)
    used.insert(stage.machines.begin(), stage.machines.end());
  std::vector<std::string> idle;
  for (const Machine& machine : cluster.machines)
    if (!used.contains(machine.name) && (machine.name != cluster.source || problem.source_may_run))
      idle.push_back(machine.name);
  return idle;
}

// The busiest stage, if it is one machine or shards that compute.
const PipelineStage* computing_bottleneck(const PipelinePlan& plan) {
  if (!plan.bound.ends_with(" computes")) return nullptr;
  for (const PipelineStage& stage : plan.stages)
    if (stage.bound == plan.bound) return &stage;
  return nullptr;
}

// "conv2 takes 3.1 s on pi1 and has no way to be shared".
std::string indivisible(const PipelineProblem& problem, const PipelinePlan& plan) {
  const PipelineStage* stage = computing_bottleneck(plan);
  if (stage == nullptr || stage->first != stage->last || stage->mode != StageMode::kSingle)
    return "";
  const bool shared = std::ranges::any_of(problem.shards, [&](const ShardOption& option) {
    return option.first <= stage->first && stage->last <= option.last;
  });
  return fmt::format(
      "{} takes {} on {} and {}", problem.units[stage->first].until,
      format_seconds(stage->period.count()), stage->machines[0],
      shared ? "sharing it would not pay for its messages" : "has no way to be shared");
}

// The layers worth sharing that cannot be, those with one reason together.
std::vector<std::string> kept_whole(const PipelineProblem& problem) {
  std::vector<std::pair<std::string, std::vector<std::string>>> by_reason;
  for (const PipelineUnit& unit : problem.units) {
    if (unit.kept_whole.empty()) continue;
    auto found =
        std::ranges::find(by_reason, unit.kept_whole, &decltype(by_reason)::value_type::first);
    if (found == by_reason.end()) {
      by_reason.push_back({unit.kept_whole, {}});
      found = std::prev(by_reason.end());
    }
    found->second.push_back(unit.until);
  }
  std::vector<std::string> lines;
  for (const auto& [reason, names] : by_reason)
    lines.push_back(fmt::format("kept whole: {} ({})", list(names), reason));
  return lines;
}

// All bytes of the messages of a tensor that goes into stage `s` for one frame.
std::int64_t bytes_into(const PipelineProblem& problem, const PipelinePlan& plan, std::size_t s) {
  const PipelineStage& stage = plan.stages[s];
  const std::int64_t whole = s == 0 ? problem.in_bytes : problem.units[stage.first - 1].out_bytes;
  if (stage.mode == StageMode::kShards) {
    double bytes = 0;
    for (const double share : stage.shares)
      bytes += problem.shards[stage.option].in_bytes.at(share);
    return static_cast<std::int64_t>(bytes);
  }
  const bool stays = s > 0 && plan.stages[s - 1].mode == StageMode::kSingle &&
                     stage.mode == StageMode::kSingle &&
                     plan.stages[s - 1].machines == stage.machines;
  return stays ? 0 : whole;
}

// "conv2_1, 1.2 MB a frame": where a plan sends the most.
std::string largest_message(const PipelineProblem& problem, const PipelinePlan& plan) {
  std::size_t largest = 0;
  for (std::size_t s = 1; s < plan.stages.size(); ++s)
    if (bytes_into(problem, plan, s) > bytes_into(problem, plan, largest)) largest = s;
  const std::size_t first = plan.stages[largest].first;
  return fmt::format("{}, {} a frame", first == 0 ? "the input" : problem.units[first - 1].until,
                     format_bytes(static_cast<double>(bytes_into(problem, plan, largest))));
}

// What the plan for links that cost nothing would be held up by on the real ones.
std::string forbidding_edge(const PipelineProblem& problem, const Cluster& cluster,
                            const PipelinePlan& plan, PipelineObjective objective) {
  const PipelinePlan free = plan_pipeline(problem, with_free_links(cluster), objective);
  const double gain = value(plan, objective) / value(free, objective);
  if (gain < 1 + kNoticeable) return "";
  const auto real = possible(PipelineCosts(problem, cluster), cluster, free);
  std::string text = fmt::format("if links cost nothing it would be {} ({:.2f} times as fast)",
                                 format_seconds(value(free, objective).count()), gain);
  if (real && objective == PipelineObjective::kThroughput)
    text += fmt::format("; on these links that plan takes {}: {}",
                        format_seconds(real->period.count()), real->bound);
  if (real && objective == PipelineObjective::kLatency)
    text += fmt::format("; on these links that plan takes {} and sends most of {}",
                        format_seconds(real->latency.count()), largest_message(problem, free));
  return text;
}

// Where neither a layer nor an edge is to blame.
std::string uneven(const PipelinePlan& plan, const SpeedUp& speed) {
  if (plan.period <= speed.even * (1 + kNoticeable) || plan.stages.size() < 2) return "";
  const auto [least, most] = std::ranges::minmax(plan.stages, {}, &PipelineStage::period);
  return fmt::format(
      "stages take {} to {}; no other boundaries, shards or replicas found divide "
      "the work more evenly",
      format_seconds(least.period.count()), format_seconds(most.period.count()));
}

std::vector<std::string> reasons_for_no_more(const PipelineProblem& problem, const Cluster& cluster,
                                             const PipelinePlan& plan, const SpeedUp& speed,
                                             PipelineObjective objective) {
  std::vector<std::string> reasons{indivisible(problem, plan),
                                   forbidding_edge(problem, cluster, plan, objective)};
  std::erase(reasons, "");
  if (reasons.empty() && objective == PipelineObjective::kThroughput)
    reasons.push_back(uneven(plan, speed));
  std::erase(reasons, "");
  return reasons;
}

std::string speed_up_line(const SpeedUp& speed) {
  if (speed.single.empty())
    return fmt::format(
        "no single machine holds the network; a frame every {} if all shared the work evenly",
        format_seconds(speed.even.count()));
  return fmt::format("{:.2f} times {} alone{}; {:.2f} times if all machines shared the work evenly",
                     speed.reached, speed.single,
                     speed.reached > speed.ideal * (1 + kNoticeable) ? ", which swaps" : "",
                     speed.ideal);
}

}  // namespace

SpeedUp speed_up(const PipelineProblem& problem, const Cluster& cluster, const PipelinePlan& plan,
                 PipelineObjective objective) {
  const auto single = best_single_machine(problem, cluster, objective);
  const PipelineCosts costs(problem, cluster);
  double all = 0;
  for (const std::size_t worker : costs.workers()) all += costs.speed(worker);
  const Seconds even{costs.work(0, problem.units.size() - 1) / all};
  if (!single) return {.even = even};
  const std::string& name = single->stages[0].machines[0];
  const auto& best = cluster.machine(name);
  // What is measured against swaps where the others would not.
  return {.reached = value(*single, objective) / value(plan, objective),
          .ideal = all * best.slowdown / best.cores,
          .single = name,
          .even = even};
}

std::string not_more(const PipelineProblem& problem, const Cluster& cluster,
                     const PipelinePlan& given, PipelineObjective objective) {
  const PipelinePlan plan = evaluated(problem, cluster, given);
  const SpeedUp speed = speed_up(problem, cluster, plan, objective);
  return fmt::format(
      "{}", fmt::join(reasons_for_no_more(problem, cluster, plan, speed, objective), "; "));
}

std::vector<std::string> explain_pipeline(const PipelineProblem& problem, const Cluster& cluster,
                                          const PipelinePlan& given, PipelineObjective objective) {
  const PipelinePlan plan = evaluated(problem, cluster, given);
  std::vector<std::string> lines;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const PipelineStage& stage = plan.stages[s];
    lines.push_back(fmt::format("stage {}: {} on {}{}: {} a frame, {}", s + 1,
                                units(problem, stage), list(stage.machines), mode(problem, stage),
                                format_seconds(stage.period.count()), stage.bound));
  }
  lines.push_back(fmt::format("a frame every {}, each takes {}; bottleneck: {}",
                              format_seconds(plan.period.count()),
                              format_seconds(plan.latency.count()), plan.bound));
  const SpeedUp speed = speed_up(problem, cluster, plan, objective);
  lines.push_back(speed_up_line(speed));
  for (const std::string& reason : reasons_for_no_more(problem, cluster, plan, speed, objective))
    lines.push_back("not more: " + reason);
  for (std::string& line : kept_whole(problem)) lines.push_back(std::move(line));
  const auto idle = idle_machines(problem, cluster, plan);
  lines.push_back(idle.empty() ? "every machine has work"
                               : "idle, as they would not make it faster: " + list(idle));
  return lines;
}

}  // namespace isthmus
