#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace isthmus {

// What the other parts of a network do to this machine's caches between two runs of a part: their
// weights pass through. A part that is measured again and again by itself finds its weights in a
// server's last level, which makes a large dense layer 1.4 times as fast as it is among others, and
// than on a board, whose caches hold none of it.
class CachePressure {
 public:
  // Of the others' weights, as far as this machine's caches hold so many.
  explicit CachePressure(std::int64_t bytes);

  // Reads as much. A part's inputs are `still_there`, for they have just come.
  void apply(std::span<const Tensor> still_there);

 private:
  std::vector<std::uint64_t> other_;
};

}  // namespace isthmus
