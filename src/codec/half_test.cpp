#include "codec/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace isthmus {
namespace {

std::uint16_t half(float number) {
  std::uint16_t result = 0;
  to_half({&number, 1}, {&result, 1});
  return result;
}

float number(std::uint16_t half) {
  float result = 0;
  from_half({&half, 1}, {&result, 1});
  return result;
}

// From the definition of binary16.
double value_of(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

bool is_finite(std::uint16_t half) { return (half & 0x7c00) != 0x7c00; }

TEST(Half, DecodesEveryFiniteHalfExactly) {
  for (std::uint32_t h = 0; h < 65536; ++h)
    if (is_finite(static_cast<std::uint16_t>(h))) {
      ASSERT_EQ(number(static_cast<std::uint16_t>(h)), value_of(static_cast<std::uint16_t>(h)))
          << h;
    }
}

TEST(Half, ComesBackFromEveryHalf) {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const auto bits = static_cast<std::uint16_t>(h);
    if (is_finite(bits) || (bits & 1023) == 0) {
      ASSERT_EQ(half(number(bits)), bits);
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (std::uint16_t low = 0; low < 0x7bff; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    // Halves have 11 bits, so that the middle of two is a float.
    const auto middle = static_cast<float>((value_of(low) + value_of(high)) / 2);
    ASSERT_EQ(half(middle), (low & 1) == 0 ? low : high);
    ASSERT_EQ(half(std::nextafter(middle, 0.0f)), low);
    ASSERT_EQ(half(std::nextafter(middle, 1e9f)), high);
    ASSERT_EQ(half(-middle), ((low & 1) == 0 ? low : high) | 0x8000);
  }
}

TEST(Half, OverflowsToInfinityAndKeepsSpecials) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(half(65519.99f), 0x7bff);
  EXPECT_EQ(half(65520.0f), 0x7c00);
  EXPECT_EQ(half(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(half(-infinity), 0xfc00);
  EXPECT_EQ(half(-0.0f), 0x8000);
  EXPECT_EQ(half(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(number(0x7c00), infinity);
  EXPECT_EQ(half(std::numeric_limits<float>::quiet_NaN()), 0x7e00);
  EXPECT_TRUE(std::isnan(number(0x7e00)));
  EXPECT_TRUE(std::isnan(number(0xfc01)));
}

}  // namespace
}  // namespace isthmus
