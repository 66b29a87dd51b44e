#pragma once

#include <cstdint>
#include <span>

namespace isthmus {

struct Interval {
  double low = 0;
  double high = 0;
};

// Wilson's score interval at 95 % for `hits` of `count` (Wilson 1927); [0, 1] for count 0.
Interval wilson_interval(std::int64_t hits, std::int64_t count);

// The q-quantile (0..1) by linear interpolation between order statistics; NaN for no values.
double quantile(std::span<const double> values, double q);

// NaN for no values.
double mean(std::span<const double> values);

// Quantiles of the standard normal for intervals on both sides.
inline constexpr double kZ95 = 1.959963984540054;
inline constexpr double kZ90 = 1.644853626951473;

// Mean +- z standard errors (normal approximation); just the mean for a single value.
Interval mean_interval(std::span<const double> values, double z = kZ95);

}  // namespace isthmus
