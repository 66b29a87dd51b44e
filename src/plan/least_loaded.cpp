#include "plan/least_loaded.h"

#include <bit>

namespace isthmus {

LeastLoaded::LeastLoaded(std::span<const std::optional<Seconds>> loads)
    : leaves_(std::bit_ceil(loads.size())), tree_(2 * leaves_) {
  for (std::size_t i = 0; i < loads.size(); ++i) tree_[leaves_ + i] = leaf(loads[i]);
  for (std::size_t i = leaves_ - 1; i > 0; --i) tree_[i] = least_of(tree_[2 * i], tree_[2 * i + 1]);
}

void LeastLoaded::set(std::size_t replica, std::optional<Seconds> load) {
  std::size_t node = leaves_ + replica;
  Least least = leaf(load);
  while (tree_[node] != least) {
    tree_[node] = least;
    if (node == 1) return;
    node /= 2;
    least = least_of(tree_[2 * node], tree_[2 * node + 1]);
  }
}

std::optional<std::size_t> LeastLoaded::choose(std::uint32_t frame) const {
  const Least& least = tree_[1];
  if (least.replicas == 0) return std::nullopt;
  std::uint32_t turn = frame % least.replicas;
  std::size_t node = 1;
  while (node < leaves_) {
    node *= 2;
    const std::uint32_t here = tree_[node].replicas_with(least.load);
    if (turn < here) continue;
    turn -= here;
    ++node;
  }
  return node - leaves_;
}

}  // namespace isthmus
