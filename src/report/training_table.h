#pragma once

#include <span>

#include "core/training_results.h"
#include "report/table.h"

namespace isthmus {

// Trained splits side by side, one row for each recipe: accuracy on the test images with its 95 %
// interval, for f32, u8 and u8+rans at the bottleneck, bytes of a frame, and what the head costs
// against the teacher's. Runs of one recipe with several seeds are one row: their mean accuracy,
// the interval of all their answers together, and the lowest and highest of them in `seeds`.
Table training_table(std::span<const TrainingResults> results);

}  // namespace isthmus
