#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace isthmus {

struct ValueRange {
  float min = 0;
  float max = 0;

  friend bool operator==(const ValueRange&, const ValueRange&) = default;
};

// The grid of 256 values that 8-bit affine quantization (Jacob et al. 2018, section 2.1) maps a
// range of real numbers to: value(q) = step * (q - zero_point), step = (max - min) / 255.
//
// Where the range contains zero, zero_point is a whole number, so that zero is coded exactly (what
// a ReLU or padding produces stays zero). Otherwise zero_point = -min / step is real and value(0) =
// min. Either way every number within the range is at most half a step from its code's value,
// beside the rounding of that value to f32. Numbers outside are clamped to the nearest end. Ties go
// to the even code. A range of one number codes it, and decodes to it, exactly.
//
// All arithmetic is IEEE double without contraction, so codes and values are the same on every CPU.
class AffineGrid {
 public:
  // Throws Error{kInvalid} unless both ends are finite and min <= max.
  explicit AffineGrid(ValueRange range);

  double step() const { return step_; }
  // What each code stands for.
  const std::array<float, 256>& values() const { return values_; }

  // Codes of equal count. Infinities are clamped. Returns false, and leaves `codes` in an
  // unspecified state, if there is a NaN.
  [[nodiscard]] bool quantize(std::span<const float> numbers, std::span<std::uint8_t> codes) const;
  void dequantize(std::span<const std::uint8_t> codes, std::span<float> numbers) const;

 private:
  double step_ = 0;
  double inverse_ = 0;
  double base_ = 0;
  std::array<float, 256> values_;
};

// Smallest and largest of the numbers; {0, 0} of none. Throws Error{kInvalid} that names the first
// NaN or infinity.
ValueRange range_of(std::span<const float> numbers);

}  // namespace isthmus
