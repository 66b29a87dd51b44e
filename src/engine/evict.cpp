#include "engine/evict.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace isthmus {
namespace {

// Of all processors with these instructions; a longer line is evicted twice.
constexpr std::size_t kLineBytes = 64;

#if defined(__x86_64__)
void evict_line(const std::byte* line) { _mm_clflush(line); }
void finish_evictions() { _mm_mfence(); }
#elif defined(__aarch64__)
void evict_line(const std::byte* line) { asm volatile("dc civac, %0" : : "r"(line) : "memory"); }
void finish_evictions() { asm volatile("dsb ish" : : : "memory"); }
#else
void evict_line(const std::byte*) {}
void finish_evictions() {}
#endif

}  // namespace

void evict_from_caches(std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += kLineBytes) evict_line(&bytes[at]);
  if (!bytes.empty()) evict_line(&bytes.back());
  finish_evictions();
}

}  // namespace isthmus
