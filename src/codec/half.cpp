#include "codec/half.h"

#include <bit>
#include <cstddef>

#include "codec/vectorize.h"

namespace isthmus {
namespace {

constexpr std::uint32_t kFloatInfinity = 0x7f800000;
constexpr std::uint32_t kHalfOverflow = 0x47800000;      // 2^16
constexpr std::uint32_t kHalfNormal = 0x38800000;        // 2^-14
constexpr std::uint32_t kSubnormalRounder = 0x3f000000;  // 0.5: its last bit is 2^-24, a half's.

// All three results are computed and one is chosen, so that the loop has no branches.
std::uint16_t half_of(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  const std::uint32_t special = magnitude > kFloatInfinity ? 0x7e00 : 0x7c00;
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) +
                                   std::bit_cast<float>(kSubnormalRounder)) -
      kSubnormalRounder;
  const std::uint32_t odd = (magnitude >> 13) & 1;
  const std::uint32_t normal = (magnitude - (112u << 23) + 0xfff + odd) >> 13;
  const std::uint32_t finite = magnitude < kHalfNormal ? subnormal : normal;
  const std::uint32_t result = magnitude >= kHalfOverflow ? special : finite;
  return static_cast<std::uint16_t>(result | ((bits >> 16) & 0x8000));
}

float float_of(std::uint16_t half) {
  const std::uint32_t shifted = static_cast<std::uint32_t>(half & 0x7fff) << 13;
  const std::uint32_t exponent = shifted & 0x0f800000;
  const std::uint32_t normal = shifted + (112u << 23);
  const std::uint32_t special = shifted + (224u << 23);
  constexpr std::uint32_t kSmallest = 113u << 23;  // 2^-14
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(
      std::bit_cast<float>(shifted + kSmallest) - std::bit_cast<float>(kSmallest));
  std::uint32_t result = exponent == 0x0f800000 ? special : normal;
  result = exponent == 0 ? subnormal : result;
  return std::bit_cast<float>(result | (static_cast<std::uint32_t>(half & 0x8000) << 16));
}

}  // namespace

ISTHMUS_VECTORIZE void to_half(std::span<const float> numbers, std::span<std::uint16_t> halves) {
  const float* from = numbers.data();
  std::uint16_t* to = halves.data();
  for (std::size_t i = 0; i < numbers.size(); ++i) to[i] = half_of(from[i]);
}

ISTHMUS_VECTORIZE void from_half(std::span<const std::uint16_t> halves, std::span<float> numbers) {
  const std::uint16_t* from = halves.data();
  float* to = numbers.data();
  for (std::size_t i = 0; i < halves.size(); ++i) to[i] = float_of(from[i]);
}

}  // namespace isthmus
