#include "lab/cache_pressure.h"

#include <algorithm>
#include <numeric>

namespace isthmus {
namespace {

// Twice what a guest was seen to have of its server's last level.
constexpr std::int64_t kEnough = 128 << 20;

std::uint64_t sum_of(std::span<const std::byte> bytes) {
  return std::accumulate(
      bytes.begin(), bytes.end(), std::uint64_t{0},
      [](std::uint64_t sum, std::byte byte) { return sum + static_cast<std::uint64_t>(byte); });
}

}  // namespace

// Written, for all pages that were never written are one and the same. One word at least.
CachePressure::CachePressure(std::int64_t bytes)
    : other_(1 + static_cast<std::size_t>(std::min(bytes, kEnough)) / sizeof(std::uint64_t), 1) {}

void CachePressure::apply(std::span<const Tensor> still_there) {
  std::uint64_t sum = std::reduce(other_.begin(), other_.end());
  for (const Tensor& tensor : still_there) sum += sum_of(tensor.bytes());
  // The next sum begins with it, so that it is not left out.
  other_.front() = sum;
}

}  // namespace isthmus
