#include "core/heap.h"

#include <cstdlib>  // Says which C library it is.

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace isthmus {

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kKept = 1 << 30;
  // The heaps of single threads shrink by rules of their own.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, kLargestHeapBlock);
  mallopt(M_TRIM_THRESHOLD, kKept);
#endif
}

}  // namespace isthmus
