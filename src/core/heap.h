#pragma once

namespace isthmus {

// Larger blocks of the C library are no part of its heap: small ones between them would keep it
// from shrinking and from being used again, frame by frame. core/block_pool.h is for them.
inline constexpr int kLargestHeapBlock = 1 << 20;

// For the beginning of a program: from now on heap memory that is freed is kept for what is made
// next, with every frame. By itself the C library gives it back to the system, and each frame pays
// for fresh pages.
void keep_freed_memory();

}  // namespace isthmus
