#include "engine/evict.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace isthmus {
namespace {

// Of all processors with these instructions; a longer line is evicted twice.
constexpr std::size_t kLineBytes = 64;

template <typename EvictLine>
void for_each_line(std::span<const std::byte> bytes, const EvictLine& evict_line) {
  for (std::size_t at = 0; at < bytes.size(); at += kLineBytes) evict_line(&bytes[at]);
  if (!bytes.empty()) evict_line(&bytes.back());
}

#if defined(__x86_64__)
// One line does not wait for the other: 50 times as fast as the older instruction.
bool has_unordered_eviction() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_CLFLUSHOPT) != 0;
}

[[gnu::target("clflushopt")]] void evict_unordered(const std::byte* begin, std::size_t count) {
  for (std::size_t at = 0; at < count; at += kLineBytes)
    _mm_clflushopt(const_cast<std::byte*>(begin + at));
  _mm_clflushopt(const_cast<std::byte*>(begin + count - 1));
}

void evict(std::span<const std::byte> bytes) {
  static const bool unordered = has_unordered_eviction();
  if (unordered && !bytes.empty())
    evict_unordered(bytes.data(), bytes.size());
  else
    for_each_line(bytes, [](const std::byte* line) { _mm_clflush(line); });
  _mm_mfence();
}
#elif defined(__aarch64__)
void evict(std::span<const std::byte> bytes) {
  for_each_line(bytes, [](const std::byte* line) {
    asm volatile("dc civac, %0" : : "r"(line) : "memory");
  });
  asm volatile("dsb ish" : : : "memory");
}
#else
void evict(std::span<const std::byte>) {}
#endif

}  // namespace

void evict_from_caches(std::span<const std::byte> bytes) { evict(bytes); }

}  // namespace isthmus
