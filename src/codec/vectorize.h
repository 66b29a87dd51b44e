#pragma once

// Put before a function whose loops are to be compiled for wider vectors as well; the program takes
// the widest that the CPU has. Only speed differs: -ffp-contract=off keeps the results the same.
#if defined(ISTHMUS_CLONES) && !defined(__clang__)
#define ISTHMUS_VECTORIZE \
  __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define ISTHMUS_VECTORIZE
#endif
