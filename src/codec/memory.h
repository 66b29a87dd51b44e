#pragma once

#include <cstddef>
#include <memory>

#include "core/block_pool.h"

namespace isthmus {

// `count` bytes, 64-byte aligned like those of a Tensor but not zeroed: for memory that a codec
// fills at once.
inline std::shared_ptr<std::byte> new_memory(std::size_t count) {
  const Block block = take_block(count);
  return {block.memory, [block](std::byte*) { give_block(block); }};
}

}  // namespace isthmus
