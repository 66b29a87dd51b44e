#pragma once

#include <span>
#include <vector>

#include "pipeline/costs.h"

namespace isthmus {

// What one step adds to a frame's latency: a unit on one machine (the message to it included), or
// shards up to the merged tensor.
struct FrameMove {
  std::size_t end = 0;
  // Where the tensor is afterwards.
  std::size_t holder = 0;
  double seconds = 0;
  // With the least that is left behind it.
  double to_answer = 0;
  StageMode mode = StageMode::kSingle;
  std::size_t option = 0;
  // Of the stage, in order; of a single one, where it runs. Points into the graph.
  std::span<const std::size_t> machines;
};

// Where a frame can be. Behind shards the next stage's first machine must be the one that merged.
struct FramePlace {
  std::size_t boundary = 0;
  std::size_t holder = 0;
  bool merged = false;
};

// All ways of one frame from the source and back, as if no memory were used up. With a handful of
// machines every team of them in every order shares a layer, else the fastest k, with the machine
// that has the tensor. Immutable; `costs` must outlive it.
class LatencyGraph {
 public:
  // With `spread`, teams of other machines than the fastest, too, for they may have memory left.
  LatencyGraph(const PipelineCosts& costs, bool shards, bool spread);
  LatencyGraph(const LatencyGraph&) = delete;
  LatencyGraph& operator=(const LatencyGraph&) = delete;

  // The least that is left.
  double to_go(const FramePlace& place) const { return to_go_[index(place)]; }
  // The most promising first.
  const std::vector<FrameMove>& moves(const FramePlace& place) const {
    return moves_[index(place)];
  }
  FramePlace after(const FrameMove& move) const {
    return {move.end, move.holder, move.mode == StageMode::kShards};
  }
  // Classes of machines that are alike.
  const std::vector<std::vector<std::size_t>>& twins() const { return twins_; }
  std::size_t units() const { return units_; }

 private:
  std::size_t index(const FramePlace& place) const {
    return (place.boundary * costs_.machines() + place.holder) * 2 + (place.merged ? 1 : 0);
  }
  using Teams = std::vector<std::vector<std::size_t>>;
  Teams make_teams(bool spread) const;
  static Teams all_teams(const std::vector<std::size_t>& machines);
  Teams teams_for(const Teams& teams, std::size_t holder) const;
  static Teams led_by(const Teams& teams, std::size_t first);
  bool may_hold(const FramePlace& place) const;
  void prepare(const FramePlace& place);
  void add_single(const FramePlace& place, const std::size_t& worker);
  void add(const FramePlace& place, const FrameMove& move);
  void add_shards(const FramePlace& place, std::size_t option);
  void add_team(const FramePlace& place, std::size_t option, const std::vector<std::size_t>& team);

  const PipelineCosts& costs_;
  std::vector<std::size_t> workers_;
  const std::size_t units_;
  std::vector<std::vector<std::size_t>> twins_;
  std::vector<std::vector<std::size_t>> options_at_;
  // Machines that share any layer.
  int most_ = 0;
  // By the machine that has the tensor: the teams that may be next; and where it has merged, those
  // that it is the first of.
  std::vector<Teams> teams_;
  std::vector<Teams> led_teams_;
  // By place.
  std::vector<double> to_go_;
  std::vector<std::vector<FrameMove>> moves_;
};

}  // namespace isthmus
