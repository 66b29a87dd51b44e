#include "lab/cache_pressure.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>

namespace isthmus {
namespace {

// Where the system does not say what its last level holds, a small board's.
constexpr std::int64_t kSmall = 8 << 20;
// A guest is told all of its server's last level, and has a share: of 480 MiB less than 64.
constexpr std::int64_t kMost = 128 << 20;

// That leave nothing in the caches.
std::int64_t enough_bytes() {
  const std::int64_t last_level = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return last_level > 0 ? std::min(2 * last_level, kMost) : kSmall;
}

std::uint64_t sum_of(std::span<const std::byte> bytes) {
  return std::accumulate(
      bytes.begin(), bytes.end(), std::uint64_t{0},
      [](std::uint64_t sum, std::byte byte) { return sum + static_cast<std::uint64_t>(byte); });
}

}  // namespace

// Written, for all pages that were never written are one and the same. One word at least.
CachePressure::CachePressure(std::int64_t bytes)
    : other_(1 + static_cast<std::size_t>(std::min(bytes, enough_bytes())) / sizeof(std::uint64_t),
             1) {}

void CachePressure::apply(std::span<const Tensor> still_there) {
  std::uint64_t sum = std::reduce(other_.begin(), other_.end());
  for (const Tensor& tensor : still_there) sum += sum_of(tensor.bytes());
  // The next sum begins with it, so that it is not left out.
  other_.front() = sum;
}

}  // namespace isthmus
