#include "serve/receive_cost.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace isthmus {
namespace {

double measured_seconds_per_byte() {
  // More than a processor's own caches hold, as a large message is.
  constexpr std::size_t kBytes = std::size_t{8} << 20;
  constexpr int kRuns = 8;
  const std::vector<std::byte> from(kBytes, std::byte{1});
  std::vector<std::byte> to(kBytes, std::byte{2});
  Seconds least = Seconds::max();
  for (int i = 0; i < kRuns; ++i) {
    const Seconds before = thread_cpu_time();
    std::memcpy(to.data(), from.data(), kBytes);
    least = std::min(least, thread_cpu_time() - before);
  }
  return least.count() / static_cast<double>(kBytes);
}

}  // namespace

Seconds least_receive_time(std::size_t payload_bytes) {
  // Header and trailer.
  constexpr Seconds kWithoutPayload{20e-6};
  static const double seconds_per_byte = measured_seconds_per_byte();
  return kWithoutPayload + Seconds{seconds_per_byte * static_cast<double>(payload_bytes)};
}

}  // namespace isthmus
