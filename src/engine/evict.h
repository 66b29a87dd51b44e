#pragma once

#include <cstddef>
#include <span>

namespace isthmus {

// Takes the bytes out of all of the processor's caches; the next to read them reads memory. Does
// nothing on a processor that offers no such instruction to programs (other than x86-64 and ARM64).
void evict_from_caches(std::span<const std::byte> bytes);

}  // namespace isthmus
