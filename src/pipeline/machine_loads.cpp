#include "pipeline/machine_loads.h"

#include <algorithm>

namespace isthmus {

bool MachineLoads::add_up(std::span<const SeatedStage> stages, double limit) {
  limit_ = limit;
  not_held_.reset();
  not_linked_.reset();
  loads_.assign(costs_.machines(), {});
  if (!hold(stages) || !run(stages)) return false;
  for (std::size_t boundary = 0; boundary <= stages.size(); ++boundary)
    if (!cross(stages, boundary)) return false;
  periods_.clear();
  for (const SeatedStage& stage : stages) {
    double longest = 0;
    for (const Seat& seat : stage.seats)
      longest = std::max(longest, loads_[seat.machine].busiest());
    periods_.push_back(longest);
  }
  return true;
}

double MachineLoads::period() const {
  double longest = 0;
  for (const Load& load : loads_) longest = std::max(longest, load.busiest());
  return longest;
}

bool MachineLoads::hold(std::span<const SeatedStage> stages) {
  holding_.assign(costs_.machines(), {});
  for (const SeatedStage& stage : stages) {
    for (const Seat& seat : stage.seats) {
      Holding& holding = holding_[seat.machine];
      holding.weights += costs_.weights(stage, seat);
      holding.waiting = std::max(holding.waiting, costs_.waiting(stage, seat));
      holding.peak = std::max(holding.peak, costs_.peak(stage, seat));
      const double footprint = footprint_of(holding, seat.machine);
      if (costs_.swapping(footprint, seat.machine) < PipelineCosts::kNever) continue;
      not_held_ = {.stage = static_cast<std::size_t>(&stage - stages.data()),
                   .machine = seat.machine,
                   .footprint = footprint};
      return false;
    }
  }
  return true;
}

bool MachineLoads::run(std::span<const SeatedStage> stages) {
  swapping_.resize(stages.size());
  for (std::size_t s = 0; s < stages.size(); ++s) {
    swapping_[s].clear();
    for (const Seat& seat : stages[s].seats) {
      Holding& holding = holding_[seat.machine];
      swapping_[s].push_back(
          holding.charged ? 0 : costs_.swapping(footprint_of(holding, seat.machine), seat.machine));
      holding.charged = true;
      const double frames = stages[s].mode == StageMode::kShards ? 1 : seat.share;
      const Load load{.compute = frames * (costs_.run_time(stages[s], seat) + swapping_[s].back()) /
                                 costs_.machine(seat.machine).cores};
      if (!add(seat, load)) return false;
    }
  }
  return true;
}

bool MachineLoads::cross(std::span<const SeatedStage> stages, std::size_t boundary) {
  const SeatedStage source = costs_.source_stage();
  const bool answer = boundary == stages.size();
  const SeatedStage& from = boundary == 0 ? source : stages[boundary - 1];
  const SeatedStage& to = answer ? source : stages[boundary];
  costs_.cross(from, to, answer ? costs_.problem().units.size() : to.first, crossing_);
  bool within = true;
  for (std::size_t i = 0; i < from.seats.size(); ++i)
    within = add(from.seats[i], crossing_.from[i]) && within;
  for (std::size_t k = 0; k < to.seats.size(); ++k)
    within = add(to.seats[k], k == 0 ? crossing_.holder : crossing_.to[k]) && within;
  if (!within) note_not_linked(from, to);
  return within;
}

bool MachineLoads::add(const Seat& seat, const Load& load) {
  loads_[seat.machine] += load;
  return loads_[seat.machine].busiest() < limit_;
}

void MachineLoads::note_not_linked(const SeatedStage& from, const SeatedStage& to) {
  for (const auto* a : {&from, &to})
    for (const auto* b : {&from, &to})
      for (const Seat& one : a->seats)
        for (const Seat& other : b->seats)
          if (!not_linked_ && !costs_.linked(one.machine, other.machine))
            not_linked_ = {.from = one.machine, .to = other.machine};
}

}  // namespace isthmus
