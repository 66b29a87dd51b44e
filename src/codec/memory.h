#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace isthmus {

// `count` bytes, 64-byte aligned like those of a Tensor but not zeroed: for memory that a codec
// fills at once.
inline std::shared_ptr<std::byte> new_memory(std::size_t count) {
  constexpr std::align_val_t kAlignment{64};
  return {static_cast<std::byte*>(::operator new(count == 0 ? 1 : count, kAlignment)),
          [](std::byte* memory) { ::operator delete(memory, kAlignment); }};
}

}  // namespace isthmus
