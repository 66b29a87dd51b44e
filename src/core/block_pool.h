#pragma once

#include <cstddef>

namespace isthmus {

// Memory of tensors and messages, 64-byte aligned and not zeroed. Every frame makes and lets go
// blocks of the same sizes, and fresh pages cost more than the copy into them: large blocks that
// are let go are kept for the next of about their size, at most kPooledBytes of them, the oldest
// going first. Small ones come from the C library, which is good at them. Thread-safe.
struct Block {
  std::byte* memory = nullptr;
  // What was asked for, or up to a quarter more.
  std::size_t size = 0;
};

inline constexpr std::size_t kPooledBytes = std::size_t{48} << 20;
inline constexpr std::size_t kLeastPooledBlock = std::size_t{64} << 10;

// Throws std::bad_alloc.
Block take_block(std::size_t size);
void give_block(Block block);

}  // namespace isthmus
