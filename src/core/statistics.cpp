#include "core/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace isthmus {
Interval wilson_interval(std::int64_t hits, std::int64_t count) {
  if (count <= 0) return {0, 1};
  const double n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n;
  constexpr double kZ = kZ95;
  const double scale = 1 / (1 + kZ * kZ / n);
  const double centre = scale * (p + kZ * kZ / (2 * n));
  const double half = scale * kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

double quantile(std::span<const double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], position - static_cast<double>(below));
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Interval mean_interval(std::span<const double> values, double z) {
  const double centre = mean(values);
  if (values.size() < 2) return {centre, centre};
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  const double n = static_cast<double>(values.size());
  const double half = z * std::sqrt(squares / (n - 1) / n);
  return {centre - half, centre + half};
}

}  // namespace isthmus
