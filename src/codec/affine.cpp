#include "codec/affine.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "codec/vectorize.h"
#include "core/error.h"

namespace isthmus {
namespace {

// Adding it to a number of [0, 2^51) rounds half to even and leaves the integer in the low bits.
constexpr double kRounder = 0x1.8p52;
// Independent minima, so that the loop needs no particular order of comparisons to be vectorised.
constexpr std::size_t kLanes = 16;

[[noreturn]] void refuse_element(std::span<const float> numbers) {
  const auto bad = std::ranges::find_if(numbers, [](float x) { return !std::isfinite(x); });
  throw Error(ErrorKind::kInvalid, "a tensor with " +
                                       std::string(std::isnan(*bad) ? "NaN" : "infinity") +
                                       " has no range for 8-bit codes: element " +
                                       std::to_string(bad - numbers.begin()) + "; use f16 or f32");
}

}  // namespace

AffineGrid::AffineGrid(ValueRange range) {
  if (!std::isfinite(range.min) || !std::isfinite(range.max) || range.min > range.max)
    throw Error(ErrorKind::kInvalid, "impossible range of values: [" + std::to_string(range.min) +
                                         ", " + std::to_string(range.max) + ']');
  const double min = range.min;
  step_ = (static_cast<double>(range.max) - min) / 255;
  inverse_ = step_ > 0 ? 1 / step_ : 0;
  const bool spans_zero = range.min <= 0 && range.max >= 0 && step_ > 0;
  const double zero_point = spans_zero ? std::nearbyint(-min / step_) : 0;
  base_ = spans_zero ? -zero_point * step_ : min;
  for (int code = 0; code < 256; ++code) {
    const double value = spans_zero ? (code - zero_point) * step_ : min + code * step_;
    // Rounding may leave the range only where its ends are the largest floats.
    constexpr double kLargest = std::numeric_limits<float>::max();
    values_[static_cast<std::size_t>(code)] =
        static_cast<float>(std::clamp(value, -kLargest, kLargest));
  }
}

ISTHMUS_VECTORIZE bool AffineGrid::quantize(std::span<const float> numbers,
                                            std::span<std::uint8_t> codes) const {
  const double base = base_;
  const double inverse = inverse_;
  const float* from = numbers.data();
  std::uint8_t* to = codes.data();
  std::uint32_t unordered = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    double position = (static_cast<double>(from[i]) - base) * inverse;
    position = position > 0 ? position : 0;  // NaN (infinity times 0) becomes 0 too.
    position = position < 255 ? position : 255;
    to[i] = static_cast<std::uint8_t>(std::bit_cast<std::uint64_t>(position + kRounder));
    unordered |= from[i] != from[i] ? 1 : 0;
  }
  return unordered == 0;
}

void AffineGrid::dequantize(std::span<const std::uint8_t> codes, std::span<float> numbers) const {
  const float* values = values_.data();
  const std::uint8_t* from = codes.data();
  float* to = numbers.data();
  for (std::size_t i = 0; i < codes.size(); ++i) to[i] = values[from[i]];
}

ISTHMUS_VECTORIZE ValueRange range_of(std::span<const float> numbers) {
  if (numbers.empty()) return {};
  std::array<float, kLanes> low;
  std::array<float, kLanes> high;
  std::array<std::uint32_t, kLanes> unordered{};
  low.fill(numbers[0]);
  high.fill(numbers[0]);
  const auto take = [&](std::size_t lane, float x) {
    low[lane] = x < low[lane] ? x : low[lane];
    high[lane] = x > high[lane] ? x : high[lane];
    unordered[lane] |= x != x ? 1 : 0;
  };
  std::size_t i = 0;
  for (; i + kLanes <= numbers.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) take(lane, numbers[i + lane]);
  for (; i < numbers.size(); ++i) take(0, numbers[i]);
  // Adding 0 makes a negative zero positive.
  const ValueRange range{std::ranges::min(low) + 0.0f, std::ranges::max(high) + 0.0f};
  if (std::ranges::max(unordered) != 0 || !std::isfinite(range.min) || !std::isfinite(range.max))
    refuse_element(numbers);
  return range;
}

}  // namespace isthmus
