#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/clock.h"
#include "plan/cluster.h"

namespace isthmus {

// Bytes that an agent takes beside its parts and what waits for them: libraries (39 MB of pages),
// the engine's and the network's tables, buffers. Measured: resident memory of agents on x86-64
// with one dense layer each (results/boards/dense) and with VGG16's stages is 58 to 66 MB above
// those.
inline constexpr std::int64_t kRuntimeBytes = 66'000'000;

// What a part takes of a machine's memory.
struct PartMemory {
  std::int64_t weight_bytes = 0;
  // Of its activations at once (graph/cost.h).
  std::int64_t peak_bytes = 0;
};

// What a machine works with for each frame: weights of all its parts, the largest peak of
// activations of one (times the frames that it works on at once), and the runtime.
std::int64_t working_set(std::span<const PartMemory> parts, int cores);

// What swapping adds to one run of each of a machine's parts: its share, by what it takes, of
// (working set - memory) / swap_bandwidth (facts on paper 4: a machine whose memory is exceeded
// pays that for each inference). Nothing where the machine does not swap. The same for prediction,
// simulator and emulated machines.
std::vector<Seconds> swap_times(std::span<const PartMemory> parts, const Machine& machine);

}  // namespace isthmus
