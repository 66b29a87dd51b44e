#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/results.h"
#include "core/trace.h"
#include "report/table.h"

namespace isthmus {

enum class LabColumns : std::uint8_t {
  kMain,  // For a terminal.
  kAll,   // Bytes on air, the planner's prediction and the number of frames too.
};

// One network: a row per link and strategy, grouped by link, with the winner by latency marked.
Table lab_table(const LabResults& results, const ResultNetwork& network, LabColumns columns);

// A row per network and link: the strategy that wins and why.
Table winners_table(const LabResults& results);

// A run to be drawn as a timeline.
struct NamedTrace {
  std::string name;
  Trace trace;
};

// The whole as one self-contained page (report/html.h): what wins, then for each network the charts
// and all numbers.
std::string lab_report(const LabResults& results, const std::vector<NamedTrace>& traces = {});

}  // namespace isthmus
