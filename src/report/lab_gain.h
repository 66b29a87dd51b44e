#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/results.h"
#include "report/table.h"

namespace isthmus {

struct GainPoint {
  // Bits per second.
  double rate = 0;
  double gain = 0;
};

// A split against another strategy over the data rate (paper 0, Fig. 3): gain = T(other) / T(split)
// of the medians from capture to output, so above 1 the split is the faster.
struct GainCurve {
  std::string split;
  std::string other;
  // Of the links that it was played on.
  double latency_ms = 0;
  // By rising rate.
  std::vector<GainPoint> points;
  // Rates at which the gain is 1: straight lines between the points in the logarithms of both.
  std::vector<double> crossings;
};

// Every distilled split (trained, "split:...", or only designed, "student:...") of a network
// against its local answers and the image codecs. Links of constant rate without losses count,
// those of one latency together; fewer than three make no curve.
std::vector<GainCurve> gain_curves(const LabResults& results, std::string_view network);

// A row for each split and other strategy: the gain on every link, and where curves cross 1. No
// rows where there is no split.
Table gain_table(const LabResults& results, std::string_view network);

}  // namespace isthmus
