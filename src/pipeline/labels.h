#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/machine_classes.h"

namespace isthmus {

inline constexpr std::size_t kMostClasses = 4;

// For a bound on the period, whether a pipeline of single stages, replicas and shards keeps it.
//
// A label is a way to run the units before a boundary on a set of machines (counts by class). Of
// the ways that end in the same stage the one that leaves its machines the most time is kept; of
// the sets of machines that a stage may take, those that contain a smaller one that is as good for
// all that can follow are left out.
class LabelledPipelines {
 public:
  // At most kMostClasses classes; `costs` was made with them. `thorough` keeps every label that is
  // not dominated; otherwise a cell holds a few.
  LabelledPipelines(const PipelineCosts& costs,
                    const std::vector<std::vector<std::size_t>>& classes, bool thorough);

  struct Stage {
    std::size_t first = 0;
    std::size_t last = 0;
    StageMode mode = StageMode::kSingle;
    std::size_t option = 0;
    // By class.
    std::array<int, kMostClasses> machines{};
  };

  // With the fewest machines found.
  std::optional<std::vector<Stage>> within(double bound);

  // No period can be below this.
  double lower_bound() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // A set of machines that a stage may take.
  struct Team {
    std::size_t code = 0;
    int total = 0;
    bool source = false;
    std::vector<Seat> seats;
  };
  struct Label {
    std::uint32_t parent = kNone;
    std::uint32_t team = kNone;
    std::uint32_t first = 0;
    std::uint32_t end = 0;
    StageMode mode = StageMode::kSingle;
    std::uint32_t option = 0;
    // Of the source's machine, besides what its own stage computes.
    double source_compute = 0;
    std::array<Load, kMostClasses> loads{};
    // Of the machine that has the glue.
    Load holder;
  };
  using Cell = std::vector<std::uint32_t>;

  void make_teams();
  void make_glue();
  SeatedStage stage_of(const Label& label) const;
  const std::vector<Seat>& shard_seats(std::size_t option, std::size_t team);
  bool fits_beside(std::size_t code, std::size_t team) const;
  bool enough_left(std::size_t code, std::size_t boundary) const;
  bool leaves(const Label& label, const Crossing& crossing) const;
  void extend(std::uint32_t id, std::size_t code);
  void extend_whole(std::uint32_t id, std::size_t code, std::uint32_t team);
  void extend_shards(std::uint32_t id, std::size_t code, std::uint32_t team, std::uint32_t option);
  std::optional<Label> entered(const Label& from, const SeatedStage& to, const Crossing& crossing,
                               std::uint32_t id, std::uint32_t team) const;
  bool dominated(std::size_t end, std::size_t team) const;
  void note_as_good(const Label& label, const SeatedStage& stage);
  void add(std::size_t code, const Label& label);
  bool finishes(const Label& label);
  std::vector<Stage> trace_back(std::uint32_t id) const;

  const PipelineCosts& costs_;
  const std::vector<std::vector<std::size_t>>& classes_;
  const Counts counts_;
  const bool thorough_;
  const std::size_t units_;
  // Largest first in speed within a team; teams by size.
  std::vector<Team> teams_;
  std::vector<std::vector<std::uint32_t>> options_at_;
  std::vector<std::vector<Seat>> shard_seats_;
  // From each unit on: the least work, every option used as if it were free of overhead.
  std::vector<double> work_left_;
  // Of the options that begin at a boundary, or of the plain message: the most CPU time and bytes
  // that its holder spends.
  std::vector<double> glue_compute_;
  std::vector<double> glue_bytes_;
  std::vector<double> speed_left_;
  double bound_ = 0;
  std::vector<Label> labels_;
  std::vector<Cell> cells_;
  // By end, while one label is extended: teams as good as any larger one.
  std::vector<std::vector<std::uint32_t>> as_good_;
  Crossing crossing_;
};

}  // namespace isthmus
