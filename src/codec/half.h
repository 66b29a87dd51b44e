#pragma once

#include <cstdint>
#include <span>

namespace isthmus {

// IEEE binary32 to binary16: round half to even, overflow to infinity, subnormals kept, any NaN
// becomes the quiet NaN of its sign. Spans of equal size.
void to_half(std::span<const float> numbers, std::span<std::uint16_t> halves);
// Exact.
void from_half(std::span<const std::uint16_t> halves, std::span<float> numbers);

}  // namespace isthmus
