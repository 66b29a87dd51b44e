#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/results.h"
#include "report/chart.h"

namespace isthmus {

// The charts of a lab report, each kind one per link unless said. A color stands for a family of
// strategies ("JPEG"), or for a part of the time.

std::vector<Svg> latency_charts(const LabResults& results, std::string_view network);
std::vector<Svg> span_charts(const LabResults& results, std::string_view network);
std::vector<Svg> energy_charts(const LabResults& results, std::string_view network);
std::vector<Svg> accuracy_latency_charts(const LabResults& results, std::string_view network);
// One: accuracy does not depend on the link. Nothing where no accuracy was measured.
std::optional<Svg> accuracy_bytes_chart(const LabResults& results, std::string_view network);
// One for each split and latency (report/lab_gain.h); none where there is no curve.
std::vector<Svg> gain_charts(const LabResults& results, std::string_view network);

// The families and the parts that appear.
std::vector<LegendEntry> strategy_legend(const LabResults& results, std::string_view network);
std::vector<LegendEntry> span_legend(const LabResults& results, std::string_view network);

// "jpeg:75" is one of "JPEG"; a strategy of no known family is one of "other".
struct StrategyFamily {
  std::string name;
  Color color = Color::kPurple;
};
StrategyFamily family_of(std::string_view strategy);

// The winner by latency; "" if there is none.
std::string winner_of(const LabResults& results, std::string_view network, std::string_view link);

}  // namespace isthmus
