#pragma once

#include <span>
#include <string>

#include "core/training_results.h"

namespace isthmus {

// One page about trained networks: the table of report/training_table.h, and for each run the
// curves of its losses and of its accuracy on the validation images, epoch by epoch, and the
// command that makes it again. At least one run.
std::string training_report(std::span<const TrainingResults> results);

}  // namespace isthmus
