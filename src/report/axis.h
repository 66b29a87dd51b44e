#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "report/table.h"

namespace isthmus {

enum class Scale : std::uint8_t { kLinear, kLog };

// Where a range of values lies on a picture: values low..high on begin..end (end may be the
// smaller, as on a vertical axis). On a log scale low must be positive, and values below it are
// drawn at it.
struct Axis {
  Scale scale = Scale::kLinear;
  double low = 0;
  double high = 1;
  double begin = 0;
  double end = 1;

  double at(double value) const;
};

// Round values inside low..high, about `count` of them: multiples of 1, 2 or 5 times a power of
// ten; on a log scale powers of ten, with 2 and 5 where there are few.
std::vector<double> ticks(const Axis& axis, int count);

// A tick's number without zeros that say nothing: "10 ms", not "10.0 ms".
std::string tick_label(double value, NumberFormat format);

// An axis for these values (those that are finite, on a log scale positive), widened to round ends.
// A linear one begins at 0 if `from_zero`. No values: 0..1 or 1..10.
enum class Origin : std::uint8_t { kZero, kData };
Axis axis_for(std::span<const double> values, Scale scale, Origin origin);

}  // namespace isthmus
