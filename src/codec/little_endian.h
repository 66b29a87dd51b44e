#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace isthmus {

// Every format of this folder is little-endian, as are the machines that Isthmus runs on.
static_assert(std::endian::native == std::endian::little);

template <typename T>
  requires std::is_arithmetic_v<T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
  requires std::is_arithmetic_v<T>
std::byte* store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof(T));
  return to + sizeof(T);
}

}  // namespace isthmus
