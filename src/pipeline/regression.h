#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "plan/devices.h"

namespace isthmus {

// A measured part or layer.
struct WorkSample {
  GraphWork work;
  Seconds time{0};
};

// |predicted - measured| / measured.
struct RelativeError {
  double median = 0;
  double p95 = 0;
};

// The time of what was not measured, from its work (paper 4, section 5: "regression models based on
// the amount of work and type of the layers"):
//
//   time = fixed + sum over the kinds of seconds[kind] * work[kind]
struct WorkRegression {
  Seconds fixed{0};
  // Of one unit of work of a kind; no kind is below 0.
  std::map<std::string, double> seconds;
  // Each sample as predicted by a fit to the others.
  RelativeError error;
  std::size_t samples = 0;

  // Kinds that no sample had cost nothing.
  Seconds predict(const GraphWork& work) const;
};

// Least squares of the relative errors, none of the numbers negative, in a few rounds that weigh
// samples less the further they are off, so that a disturbed measurement moves the others little.
// Throws Error{kInvalid} without samples, or for a time that is not positive.
WorkRegression fit_work(std::span<const WorkSample> samples);

}  // namespace isthmus
