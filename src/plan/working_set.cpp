#include "plan/working_set.h"

#include <algorithm>

namespace isthmus {

std::int64_t working_set(std::span<const PartMemory> parts, int cores) {
  std::int64_t weights = 0;
  std::int64_t peak = 0;
  for (const PartMemory& part : parts) {
    weights += part.weight_bytes;
    peak = std::max(peak, part.peak_bytes);
  }
  return weights + cores * peak + kRuntimeBytes;
}

std::vector<Seconds> swap_times(std::span<const PartMemory> parts, const Machine& machine) {
  std::vector<Seconds> times(parts.size(), Seconds{0});
  const std::int64_t excess = working_set(parts, machine.cores) - machine.memory;
  if (!machine.swaps() || excess <= 0) return times;
  const auto bytes = [](const PartMemory& part) {
    return static_cast<double>(part.weight_bytes + part.peak_bytes);
  };
  double all = 0;
  for (const PartMemory& part : parts) all += bytes(part);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double share = all > 0 ? bytes(parts[i]) / all : 1;
    times[i] = Seconds{share * static_cast<double>(excess) / machine.swap_bandwidth};
  }
  return times;
}

}  // namespace isthmus
