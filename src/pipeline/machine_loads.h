#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "pipeline/costs.h"

namespace isthmus {

// What each machine does for a frame of a pipeline, and whether it can: the numbers behind
// `evaluated`, for those who try thousands of plans and need no words.
class MachineLoads {
 public:
  // `costs` must outlive it, and is without classes.
  explicit MachineLoads(const PipelineCosts& costs) : costs_(costs) {}

  // Why the stages cannot be run: a machine that would need `footprint` bytes from `stage` on, or
  // two machines without a link that must talk.
  struct NotHeld {
    std::size_t stage = 0;
    std::size_t machine = 0;
    double footprint = 0;
  };
  struct NotLinked {
    std::size_t from = 0;
    std::size_t to = 0;
  };

  // Seats of one machine each, all units in their order. False where the stages cannot be run: then
  // one of the next two says why; or where a machine would be busy for `limit` seconds or longer
  // (for ever without one). Nothing else of it holds then.
  bool add_up(std::span<const SeatedStage> stages, double limit = PipelineCosts::kNever);
  const std::optional<NotHeld>& not_held() const { return not_held_; }
  const std::optional<NotLinked>& not_linked() const { return not_linked_; }

  std::span<const Load> loads() const { return loads_; }
  // Seconds for each frame that the busiest machine of a stage is busy, and of all.
  double period(std::size_t stage) const { return periods_[stage]; }
  double period() const;
  // By stage and seat: seconds of swapping for each frame. It is charged to the first stage that a
  // machine runs.
  std::span<const std::vector<double>> swapping() const { return swapping_; }

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
  bool hold(std::span<const SeatedStage> stages);
  bool run(std::span<const SeatedStage> stages);
  bool cross(std::span<const SeatedStage> stages, std::size_t boundary);
  bool add(const Seat& seat, const Load& load);
  void note_not_linked(const SeatedStage& from, const SeatedStage& to);

  const PipelineCosts& costs_;
  double limit_ = PipelineCosts::kNever;
  std::optional<NotHeld> not_held_;
  std::optional<NotLinked> not_linked_;
  std::vector<Load> loads_;
  std::vector<double> periods_;
  std::vector<std::vector<double>> swapping_;
  // Memory that is used again.
  std::vector<Holding> holding_;
  Crossing crossing_;
};

}  // namespace isthmus
