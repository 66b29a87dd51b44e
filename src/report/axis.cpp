#include "report/axis.h"

#include <algorithm>
#include <cmath>

namespace isthmus {

namespace {

// 1, 2 or 5 times a power of ten, at least `rough`.
double round_step(double rough) {
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

// 1, 2 or 5 times a power of ten, at most `value`.
double round_down(double value) { return 1 / round_step(1 / value); }

std::vector<double> linear_ticks(const Axis& axis, int count) {
  const double step = round_step((axis.high - axis.low) / count);
  std::vector<double> result;
  const double first = std::ceil(axis.low / step - 1e-9), last = axis.high / step + 1e-9;
  for (double i = first; i <= last; ++i) result.push_back(i * step + 0.0);  // No -0.
  return result;
}

std::vector<double> log_ticks(const Axis& axis, int count) {
  const double first = std::floor(std::log10(axis.low)), last = std::ceil(std::log10(axis.high));
  const double stride = std::max(1.0, std::ceil((last - first) / count));
  const double decades = std::log10(axis.high / axis.low);
  std::vector<double> factors = {1};
  if (2 * decades <= count) factors = {1, 3};
  if (3 * decades <= count + 1) factors = {1, 2, 5};
  std::vector<double> result;
  for (double power = first; power <= last; power += stride)
    for (const double factor : factors) {
      const double value = factor * std::pow(10, power);
      if (value >= axis.low * (1 - 1e-9) && value <= axis.high * (1 + 1e-9))
        result.push_back(value);
    }
  return result;
}

}  // namespace

double Axis::at(double value) const {
  if (scale == Scale::kLinear) return begin + (value - low) / (high - low) * (end - begin);
  const double share = std::log(std::max(value, low) / low) / std::log(high / low);
  return begin + share * (end - begin);
}

std::vector<double> ticks(const Axis& axis, int count) {
  return axis.scale == Scale::kLinear ? linear_ticks(axis, count) : log_ticks(axis, count);
}

std::string tick_label(double value, NumberFormat format) {
  std::string text = format_number(value, format);
  const auto point = text.find('.');
  if (point == std::string::npos) return text;
  const auto end = text.find_first_not_of("0123456789", point + 1);
  const auto mantissa_end = std::min(end, text.size());
  auto keep = text.find_last_not_of('0', mantissa_end - 1) + 1;
  if (keep == point + 1) keep = point;
  return text.erase(keep, mantissa_end - keep);
}

Axis axis_for(std::span<const double> values, Scale scale, Origin origin) {
  std::vector<double> usable;
  for (const double value : values)
    if (std::isfinite(value) && (scale == Scale::kLinear || value > 0)) usable.push_back(value);
  if (scale == Scale::kLinear && origin == Origin::kZero) usable.push_back(0);
  const bool log = scale == Scale::kLog;
  if (usable.empty()) return {.scale = scale, .low = log ? 1.0 : 0.0, .high = log ? 10.0 : 1.0};

  const auto [least, most] = std::ranges::minmax(usable);
  if (log) {
    // A little room, so that the least value is not at the very edge.
    const double low = round_down(least / 1.1), high = round_step(most * 1.02);
    return {.scale = scale, .low = low, .high = high};
  }
  if (most <= least) return {.low = least - (least == 0 ? 0 : 0.5), .high = least + 1};
  const double step = round_step((most - least) / 5);
  return {.low = std::floor(least / step + 1e-9) * step,
          .high = std::ceil(most / step - 1e-9) * step};
}

}  // namespace isthmus
