#pragma once

#include "split/student.h"

namespace isthmus {

// The teacher with a new last layer for `spec.classes` classes, to be trained on another data set.
//
// The layer is the last with weights (Gemm, MatMul with or without an Add behind it, or a 1x1 Conv)
// on the way to the only output; pooling, views, activations and Softmax behind it stay. Its new
// weights have the names of the old ones with ".new" behind them. There is no bottleneck and no
// target. Regions: tail = the new layer; encoder = everything else, as the teacher has it; decoder
// empty.
//
// Throws Error{kInvalid} for fewer than two classes, Error{kUnsupported} for a network with several
// outputs or without such a layer.
Student make_classifier_student(const Graph& teacher, const StudentSpec& spec);

}  // namespace isthmus
