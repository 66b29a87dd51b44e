#pragma once

#include <string>
#include <vector>

#include "core/results.h"

namespace isthmus {

// For every network and link of the rows: the lowest median time among the strategies whose
// accuracy is at most `accepted_loss` below that of `baseline` ("local": the network itself), and
// why, with the runner-up and what a faster one would lose. The small network (local-small)
// competes like all others.
std::vector<ResultWinner> winners_of(const LabResults& results, const std::string& baseline,
                                     double accepted_loss);

}  // namespace isthmus
