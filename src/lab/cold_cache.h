#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace isthmus {

// Empties this machine's caches, as those of a small board are at every frame: a Raspberry Pi 3 has
// 512 kB, a layer's weights are megabytes and come from memory each time. A server's last level may
// hold all weights of a network from one run of a part to the next, which makes a dense layer up to
// twice as fast as on the machines that share that server in the lab.
class ColdCache {
 public:
  ColdCache();

  // What was read before is read from memory next time, but for `still_there`: a part finds its
  // inputs in the cache, for they have just come.
  void empty(std::span<const Tensor> still_there);

 private:
  // More than this machine's caches hold.
  std::vector<std::uint64_t> other_;
  // Whatever was read; so that it is read.
  std::uint64_t sum_ = 0;
};

}  // namespace isthmus
