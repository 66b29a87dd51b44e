#pragma once

#include "pipeline/costs.h"

namespace isthmus {

// Throws Error{kUnsupported}: why there is no plan at all, and the way out. Searches once more, as
// if all machines were linked.
[[noreturn]] void explain_no_plan(const PipelineCosts& costs);

}  // namespace isthmus
