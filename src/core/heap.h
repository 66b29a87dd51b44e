#pragma once

namespace isthmus {

// For the beginning of a program: from now on memory that is freed is kept for what is made next.
// Large tensors are made and freed with every frame; by itself the C library gives such memory back
// to the system, and each frame pays for fresh pages, which takes as long as a good part of a
// convolution on a large feature map. (Blocks over 32 MB still go back.)
void keep_freed_memory();

}  // namespace isthmus
