#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "pipeline/costs.h"
#include "pipeline/latency.h"

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

// Adds up what the machines do, stage by stage.
class Evaluation {
 public:
  Evaluation(const PipelineCosts& costs, const Cluster& cluster, PipelinePlan plan)
      : costs_(costs),
        plan_(std::move(plan)),
        seating_(seating_of(costs_, cluster, plan_)),
        loads_(costs_.machines()),
        holding_(costs_.machines()) {}

  PipelinePlan result() {
    hold();
    run();
    for (std::size_t b = 0; b <= seating_.stages.size(); ++b) cross(b);
    for (std::size_t s = 0; s < plan_.stages.size(); ++s) set_period(s);
    set_whole();
    plan_.latency = Seconds{frame_latency(costs_, seating_.stages, swapping_)};
    return std::move(plan_);
  }

 private:
  struct Holding {
    double weights = 0;
    double waiting = 0;
    double peak = 0;
    bool charged = false;
  };

  double footprint_of(const Holding& holding, std::size_t machine) const {
    return costs_.footprint(holding.weights + holding.waiting, holding.peak, machine);
  }

  void hold() {
    for (const SeatedStage& stage : seating_.stages) {
      for (const Seat& seat : stage.seats) {
        Holding& holding = holding_[seat.machine];
        holding.weights += costs_.weights(stage, seat);
        holding.waiting = std::max(holding.waiting, costs_.waiting(stage, seat));
        holding.peak = std::max(holding.peak, costs_.peak(stage, seat));
        const double footprint = footprint_of(holding, seat.machine);
        if (costs_.swapping(footprint, seat.machine) == PipelineCosts::kNever)
          throw Error(
              ErrorKind::kUnsupported,
              fmt::format("{} cannot hold {}{}: it would need {} of its {}",
                          costs_.machine(seat.machine).name,
                          stage.mode == StageMode::kShards ? "a shard of " : "", layers(stage),
                          format_bytes(footprint),
                          format_bytes(static_cast<double>(costs_.machine(seat.machine).memory))));
      }
    }
  }

  std::string layers(const SeatedStage& stage) const {
    const auto& units = costs_.problem().units;
    return stage.first == stage.last ? units[stage.first].until
                                     : units[stage.first].until + " to " + units[stage.last].until;
  }

  // Swapping is charged to the first stage that a machine runs.
  void run() {
    for (const SeatedStage& stage : seating_.stages) {
      std::vector<double> swapping;
      for (const Seat& seat : stage.seats) {
        Holding& holding = holding_[seat.machine];
        swapping.push_back(
            holding.charged ? 0
                            : costs_.swapping(footprint_of(holding, seat.machine), seat.machine));
        holding.charged = true;
        const double frames = stage.mode == StageMode::kShards ? 1 : seat.share;
        loads_[seat.machine].compute += frames * (costs_.run_time(stage, seat) + swapping.back()) /
                                        costs_.machine(seat.machine).cores;
      }
      swapping_.push_back(std::move(swapping));
    }
  }

  void cross(std::size_t boundary) {
    const SeatedStage source = costs_.source_stage();
    const bool answer = boundary == seating_.stages.size();
    const SeatedStage& from = boundary == 0 ? source : seating_.stages[boundary - 1];
    const SeatedStage& to = answer ? source : seating_.stages[boundary];
    Crossing crossing;
    costs_.cross(from, to, answer ? costs_.problem().units.size() : to.first, crossing);
    for (std::size_t i = 0; i < from.seats.size(); ++i)
      add(from.seats[i].machine, crossing.from[i], from, to);
    for (std::size_t k = 0; k < to.seats.size(); ++k)
      add(to.seats[k].machine, k == 0 ? crossing.holder : crossing.to[k], from, to);
  }

  void add(std::size_t machine, const Load& load, const SeatedStage& from, const SeatedStage& to) {
    if (load.busiest() == PipelineCosts::kNever) no_link(from, to);
    loads_[machine] += load;
  }

  [[noreturn]] void no_link(const SeatedStage& from, const SeatedStage& to) const {
    for (const auto* a : {&from, &to})
      for (const auto* b : {&from, &to})
        for (const Seat& one : a->seats)
          for (const Seat& other : b->seats)
            if (!costs_.linked(one.machine, other.machine))
              throw Error(ErrorKind::kUnsupported,
                          "there is no link from " + costs_.machine(one.machine).name + " to " +
                              costs_.machine(other.machine).name + ", which must talk");
    throw Error(ErrorKind::kUnsupported, "two machines that must talk have no link");
  }

  // What a machine's busiest side is; its first stage, the input and the answer give the names.
  std::string bound(std::size_t machine) const {
    const Load& load = loads_[machine];
    const std::string& name = costs_.machine(machine).name;
    if (load.compute >= load.busiest()) return name + " computes";
    const bool sends = load.send >= load.busiest();
    for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
      const auto& stage = seating_.stages[s];
      if (std::ranges::find(stage.seats, machine, &Seat::machine) == stage.seats.end()) continue;
      if (sends && s + 1 == plan_.stages.size()) return name + " sends the answer";
      return name + (sends ? " sends " : " receives ") +
             boundary_name(costs_.problem(), sends ? stage.last + 1 : stage.first);
    }
    return name + (sends ? " sends the input" : " receives the answer");
  }

  void set_period(std::size_t s) {
    double longest = -1;
    for (const Seat& seat : seating_.stages[s].seats) {
      if (loads_[seat.machine].busiest() <= longest) continue;
      longest = loads_[seat.machine].busiest();
      plan_.stages[s].bound = bound(seat.machine);
    }
    plan_.stages[s].period = Seconds{longest};
  }

  void set_whole() {
    const auto busiest = std::ranges::max_element(loads_, {}, &Load::busiest);
    plan_.period = Seconds{busiest->busiest()};
    plan_.bound = bound(static_cast<std::size_t>(busiest - loads_.begin()));
  }

  const PipelineCosts& costs_;
  PipelinePlan plan_;
  const Seating seating_;
  std::vector<Load> loads_;
  std::vector<Holding> holding_;
  std::vector<std::vector<double>> swapping_;
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
