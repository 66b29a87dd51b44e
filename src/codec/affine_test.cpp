#include "codec/affine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/rng.h"

namespace isthmus {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kTiny = std::numeric_limits<float>::denorm_min();

std::vector<std::uint8_t> codes_of(const AffineGrid& grid, const std::vector<float>& numbers) {
  std::vector<std::uint8_t> codes(numbers.size());
  EXPECT_TRUE(grid.quantize(numbers, codes));
  return codes;
}

std::vector<float> through(const AffineGrid& grid, const std::vector<float>& numbers) {
  std::vector<float> result(numbers.size());
  grid.dequantize(codes_of(grid, numbers), result);
  return result;
}

// Half a step, and the rounding of the result to f32.
double allowed(const AffineGrid& grid, float result) {
  const double magnitude = std::abs(result);
  const double ulp =
      std::nextafter(static_cast<float>(magnitude), kInfinity) - static_cast<float>(magnitude);
  return grid.step() * 0.5 * (1 + 1e-12) + (std::isfinite(ulp) ? ulp : 0x1p104) / 2;
}

std::vector<float> numbers_within(Rng& rng, ValueRange range, std::size_t count) {
  std::vector<float> numbers(count);
  for (float& x : numbers)
    x = std::clamp(static_cast<float>(rng.uniform(range.min, range.max)), range.min, range.max);
  numbers.front() = range.min;
  numbers.back() = range.max;
  return numbers;
}

TEST(AffineGrid, ErrsByHalfAStepAtMostWithinTheRange) {
  Rng rng(1);
  std::vector<ValueRange> ranges = {{0, 1},
                                    {-1, 1},
                                    {-3.7f, 0.01f},
                                    {-0.0f, 6},
                                    {5, 6},
                                    {-6, -5},
                                    {1e6f, 1e6f + 1},
                                    {-kLargest, kLargest},
                                    {-kLargest, -kLargest / 2},
                                    {0, kTiny},
                                    {-kTiny, 7 * kTiny},
                                    {kTiny, 300 * kTiny},
                                    {1e30f, std::nextafter(1e30f, kInfinity)},
                                    {-1e-20f, 1e20f}};
  for (int i = 0; i < 300; ++i) {
    const auto low = static_cast<float>(rng.normal() * std::pow(10, rng.uniform(-30, 30)));
    const auto high = static_cast<float>(rng.normal() * std::pow(10, rng.uniform(-30, 30)));
    ranges.push_back({std::min(low, high), std::max(low, high)});
  }
  for (const ValueRange& range : ranges) {
    SCOPED_TRACE(std::to_string(range.min) + " to " + std::to_string(range.max));
    const AffineGrid grid(range);
    const auto numbers = numbers_within(rng, range, 500);
    const auto results = through(grid, numbers);
    for (std::size_t i = 0; i < numbers.size(); ++i)
      ASSERT_LE(std::abs(static_cast<double>(results[i]) - numbers[i]), allowed(grid, results[i]))
          << numbers[i];
  }
}

TEST(AffineGrid, CodesZeroExactlyWhereTheRangeHoldsIt) {
  Rng rng(2);
  for (int i = 0; i < 1000; ++i) {
    const AffineGrid grid(
        {static_cast<float>(-rng.uniform(0, 10)), static_cast<float>(rng.uniform(0, 10))});
    const auto result = through(grid, {0.0f, -0.0f});
    ASSERT_EQ(result[0], 0.0f);
    ASSERT_EQ(result[1], 0.0f);
  }
}

TEST(AffineGrid, CodesARangeOfOneNumberExactly) {
  for (const float x : {0.0f, 1.5f, -7e30f, kTiny, kLargest}) {
    EXPECT_EQ(through(AffineGrid({x, x}), {x, x})[1], x);
    EXPECT_EQ(through(AffineGrid({x, x}), {-kLargest, kInfinity})[1], x);
  }
}

TEST(AffineGrid, RoundsTiesToTheEvenCode) {
  EXPECT_EQ(codes_of(AffineGrid({0, 255}), {0.5f, 1.5f, 2.5f, 253.5f, 254.5f}),
            (std::vector<std::uint8_t>{0, 2, 2, 254, 254}));
}

TEST(AffineGrid, ClampsWhatIsOutside) {
  EXPECT_EQ(codes_of(AffineGrid({-1, 1}), {-5, -kLargest, -kInfinity, 5, kLargest, kInfinity}),
            (std::vector<std::uint8_t>{0, 0, 0, 255, 255, 255}));
}

TEST(AffineGrid, RefusesNanAtAnyPlace) {
  const AffineGrid grid({0, 1});
  for (std::size_t at = 0; at < 70; ++at) {
    std::vector<float> numbers(70, 0.5f);
    std::vector<std::uint8_t> codes(numbers.size());
    ASSERT_TRUE(grid.quantize(numbers, codes));
    numbers[at] = at % 2 == 0 ? kNan : -kNan;
    ASSERT_FALSE(grid.quantize(numbers, codes));
  }
}

TEST(AffineGrid, RefusesImpossibleRanges) {
  for (const ValueRange range : {ValueRange{1, 0}, ValueRange{0, kInfinity}, ValueRange{kNan, 1}})
    EXPECT_THROW(AffineGrid{range}, Error);
}

TEST(RangeOf, FindsTheEndsAtAnyPlace) {
  for (std::size_t count = 1; count < 70; ++count)
    for (std::size_t at = 0; at < count; ++at) {
      std::vector<float> numbers(count, 1.0f);
      numbers[at] = 3;
      ASSERT_EQ(range_of(numbers), (ValueRange{count == 1 ? 3.0f : 1.0f, 3}));
      numbers[at] = -3;
      ASSERT_EQ(range_of(numbers), (ValueRange{-3, count == 1 ? -3.0f : 1.0f}));
    }
  EXPECT_EQ(range_of({}), ValueRange{});
}

TEST(RangeOf, GivesNoNegativeZero) {
  const std::vector<float> numbers(20, -0.0f);
  EXPECT_FALSE(std::signbit(range_of(numbers).min));
  EXPECT_FALSE(std::signbit(range_of(numbers).max));
}

TEST(RangeOf, NamesTheElementThatIsNotFinite) {
  for (const float bad : {kNan, kInfinity, -kInfinity})
    for (const std::size_t at : {0, 17, 39}) {
      std::vector<float> numbers(40, 2.0f);
      numbers[at] = bad;
      try {
        range_of(numbers);
        FAIL() << "no error for " << bad;
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("element " + std::to_string(at)),
                  std::string::npos);
      }
    }
}

}  // namespace
}  // namespace isthmus
