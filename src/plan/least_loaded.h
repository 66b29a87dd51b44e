#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.h"

namespace isthmus {

// Which of several replicas takes a frame: the least loaded of those that live; equals take turns
// by frame number, in the order of their list. Kept while loads change, so that neither a change
// nor a choice looks at all replicas: both take log2(replicas) steps.
class LeastLoaded {
 public:
  // The load of each replica (Situation::load); nothing for one that is dead.
  explicit LeastLoaded(std::span<const std::optional<Seconds>> loads);

  void set(std::size_t replica, std::optional<Seconds> load);

  // Index of the replica for this frame: of n that are loaded least, the (frame modulo n)-th.
  // Nothing if none lives.
  std::optional<std::size_t> choose(std::uint32_t frame) const;

 private:
  // The least load (seconds) below a node of the tree, and how many living replicas have it.
  // Written so that it takes no branches, which would be guessed wrong half of the time.
  struct Least {
    double load = std::numeric_limits<double>::infinity();
    std::uint32_t replicas = 0;

    std::uint32_t replicas_with(double this_load) const {
      return replicas * static_cast<std::uint32_t>(load == this_load);
    }
    friend bool operator==(const Least&, const Least&) = default;
  };
  static Least leaf(std::optional<Seconds> load) {
    return load ? Least{.load = load->count(), .replicas = 1} : Least{};
  }
  static Least least_of(const Least& left, const Least& right) {
    const double load = std::min(left.load, right.load);
    return {.load = load, .replicas = left.replicas_with(load) + right.replicas_with(load)};
  }

  // A binary tree: the root at 1, below node i those at 2i and 2i + 1, the replicas from leaves_
  // on.
  std::size_t leaves_ = 1;
  std::vector<Least> tree_;
};

}  // namespace isthmus
