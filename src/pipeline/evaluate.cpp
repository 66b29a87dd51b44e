#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "pipeline/costs.h"
#include "pipeline/latency.h"
#include "pipeline/machine_loads.h"

namespace isthmus {
namespace {

std::string boundary_name(const PipelineProblem& problem, std::size_t boundary) {
  return boundary == 0 ? "the input" : problem.units[boundary - 1].until;
}

// A plan by machine indices, seats of one machine each.
struct Seating {
  std::vector<std::vector<Seat>> seats;
  std::vector<SeatedStage> stages;
};

// "" for a stage that is right behind one that ended before unit `next`. `sum`: of its shares.
std::string what_is_wrong(const PipelineProblem& problem, const PipelineStage& stage,
                          std::size_t next, double sum) {
  if (stage.first != next) return fmt::format("does not begin at unit {}", next);
  if (stage.last < stage.first || stage.last >= problem.units.size())
    return "ends before it begins, or behind the network";
  if (stage.machines.empty()) return "has no machine";
  if (std::abs(sum - 1) > 1e-6) return fmt::format("has shares that add up to {:.3g}, not 1", sum);
  if (stage.mode == StageMode::kSingle && stage.machines.size() > 1)
    return "is on several machines, but neither in shards nor replicated";
  if (stage.mode != StageMode::kShards) return "";
  if (stage.option >= problem.shards.size() || problem.shards[stage.option].first != stage.first ||
      problem.shards[stage.option].last != stage.last)
    return "is in shards of other units";
  return "";
}

Seating seating_of(const PipelineCosts& costs, const Cluster& cluster, const PipelinePlan& plan) {
  Seating seating;
  std::size_t next = 0;
  for (const PipelineStage& stage : plan.stages) {
    std::vector<Seat> seats;
    double sum = 0;
    for (std::size_t k = 0; k < stage.machines.size(); ++k) {
      const auto index =
          static_cast<std::size_t>(&cluster.machine(stage.machines[k]) - cluster.machines.data());
      seats.push_back({.machine = index, .share = stage.shares.at(k)});
      sum += stage.shares[k];
    }
    const std::string wrong = what_is_wrong(costs.problem(), stage, next, sum);
    if (!wrong.empty())
      throw Error(ErrorKind::kInvalid, fmt::format("the pipeline's stage of units {} to {} {}",
                                                   stage.first, stage.last, wrong));
    next = stage.last + 1;
    seating.seats.push_back(std::move(seats));
  }
  if (next != costs.problem().units.size())
    throw Error(ErrorKind::kInvalid, "the pipeline ends behind unit " + std::to_string(next));
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    seating.stages.push_back({plan.stages[s].first, plan.stages[s].last, plan.stages[s].mode,
                              plan.stages[s].option, seating.seats[s]});
  return seating;
}

// Gives a plan its numbers, and words to them.
class Evaluation {
 public:
  Evaluation(const PipelineCosts& costs, const Cluster& cluster, PipelinePlan plan)
      : costs_(costs),
        plan_(std::move(plan)),
        seating_(seating_of(costs_, cluster, plan_)),
        machines_(costs_) {}

  PipelinePlan result() {
    if (!machines_.add_up(seating_.stages)) fail();
    for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
      plan_.stages[s].period = Seconds{machines_.period(s)};
      plan_.stages[s].bound = bound(busiest_of(seating_.seats[s]));
    }
    plan_.period = Seconds{machines_.period()};
    const auto busiest = std::ranges::max_element(machines_.loads(), {}, &Load::busiest);
    plan_.bound = bound(static_cast<std::size_t>(busiest - machines_.loads().begin()));
    plan_.latency = Seconds{frame_latency(costs_, seating_.stages, machines_.swapping())};
    return std::move(plan_);
  }

 private:
  [[noreturn]] void fail() const {
    if (const auto& held = machines_.not_held()) {
      const SeatedStage& stage = seating_.stages[held->stage];
      const Machine& machine = costs_.machine(held->machine);
      throw Error(ErrorKind::kUnsupported,
                  fmt::format("{} cannot hold {}{}: it would need {} of its {}", machine.name,
                              stage.mode == StageMode::kShards ? "a shard of " : "", layers(stage),
                              format_bytes(held->footprint),
                              format_bytes(static_cast<double>(machine.memory))));
    }
    const auto& ends = machines_.not_linked();
    // A slowdown or a rate that no cluster file may have.
    if (!ends) throw Error(ErrorKind::kUnsupported, "the pipeline takes for ever");
    throw Error(ErrorKind::kUnsupported, "there is no link from " +
                                             costs_.machine(ends->from).name + " to " +
                                             costs_.machine(ends->to).name + ", which must talk");
  }

  std::string layers(const SeatedStage& stage) const {
    const auto& units = costs_.problem().units;
    return stage.first == stage.last ? units[stage.first].until
                                     : units[stage.first].until + " to " + units[stage.last].until;
  }

  std::size_t busiest_of(const std::vector<Seat>& seats) const {
    return std::ranges::max_element(
               seats, {},
               [&](const Seat& seat) { return machines_.loads()[seat.machine].busiest(); })
        ->machine;
  }

  // What a machine's busiest side is; its first stage, the input and the answer give the names.
  std::string bound(std::size_t machine) const {
    const Load& load = machines_.loads()[machine];
    const std::string& name = costs_.machine(machine).name;
    if (load.compute >= load.busiest()) return name + " computes";
    const bool sends = load.send >= load.busiest();
    for (const SeatedStage& stage : seating_.stages) {
      if (std::ranges::find(stage.seats, machine, &Seat::machine) == stage.seats.end()) continue;
      if (sends && &stage == &seating_.stages.back()) return name + " sends the answer";
      return name + (sends ? " sends " : " receives ") +
             boundary_name(costs_.problem(), sends ? stage.last + 1 : stage.first);
    }
    return name + (sends ? " sends the input" : " receives the answer");
  }

  const PipelineCosts& costs_;
  PipelinePlan plan_;
  const Seating seating_;
  MachineLoads machines_;
};

}  // namespace

PipelinePlan evaluated(const PipelineProblem& problem, const Cluster& cluster, PipelinePlan plan) {
  return evaluated(PipelineCosts(problem, cluster), cluster, std::move(plan));
}

PipelinePlan evaluated(const PipelineCosts& costs, const Cluster& cluster, PipelinePlan plan) {
  return Evaluation(costs, cluster, std::move(plan)).result();
}

std::optional<PipelinePlan> possible(const PipelineCosts& costs, const Cluster& cluster,
                                     PipelinePlan plan) {
  try {
    return evaluated(costs, cluster, std::move(plan));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    return std::nullopt;
  }
}

}  // namespace isthmus
