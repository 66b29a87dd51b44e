#include "lab/cold_cache.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>

namespace isthmus {
namespace {

// Where the system does not say what its last level holds.
constexpr std::int64_t kUsual = 32 << 20;
// A guest is told all of a server's cache, of which others have the most.
constexpr std::int64_t kMost = 128 << 20;

std::size_t words_of_caches() {
  const std::int64_t last_level = sysconf(_SC_LEVEL3_CACHE_SIZE);
  const std::int64_t bytes = last_level > 0 ? 2 * last_level : kUsual;
  return static_cast<std::size_t>(std::min(bytes, kMost)) / sizeof(std::uint64_t);
}

std::uint64_t sum_of(std::span<const std::byte> bytes) {
  return std::accumulate(
      bytes.begin(), bytes.end(), std::uint64_t{0},
      [](std::uint64_t sum, std::byte byte) { return sum + static_cast<std::uint64_t>(byte); });
}

}  // namespace

// Written, for all pages that were never written are one and the same.
ColdCache::ColdCache() : other_(words_of_caches(), 1) {}

void ColdCache::empty(std::span<const Tensor> still_there) {
  sum_ += sum_of(std::as_bytes(std::span(other_)));
  for (const Tensor& tensor : still_there) sum_ += sum_of(tensor.bytes());
  // The sum is used: the next reading begins with it.
  other_.front() = sum_;
}

}  // namespace isthmus
