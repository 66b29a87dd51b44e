#pragma once

#include <string>
#include <vector>

#include "boards/study.h"
#include "report/table.h"

namespace isthmus {

// What virtual time may be off by.
inline constexpr double kWantedAgreement = 0.1;

struct NamedResults {
  std::string name;
  BoardResults results;
};

// How far virtual time is from processes: a row for each experiment that was confirmed, and one for
// all of them. Median, least and most of virtual over real, and how many plans are within
// kWantedAgreement; for memory what is expected over what was in use.
Table agreement_table(const std::vector<NamedResults>& experiments);

}  // namespace isthmus
