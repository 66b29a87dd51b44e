#pragma once

#include "split/bottleneck.h"
#include "split/student.h"

namespace isthmus {

// Lighter first layers whose output has the shape of a teacher's tensor, without a bottleneck
// (paper 0, Table 2, "mimic model without bottleneck"): what crosses is as large as before.
//
// For images over 64 px a convolution 7x7 of 64 and 3x3 maximum, each of stride 2, otherwise one
// 3x3; convolutions 3x3 of stride 2 down to the tensor's side, whose channels grow to the tensor's;
// and at that side as many 3x3 as the budget allows, then up to four 1x1. Where not even the first
// of these stay within it, all but the last of them get fewer channels.
//
// The paper's reductions of DenseNet-169 at its three transitions (82.1, 88.0 and 58.2 %) are
// budgets of 0.179, 0.12 and 0.418. Throws Error{kInvalid} if a tenth of the channels is still
// over the budget, and for a tensor whose side no halving of the image's reaches.
LayerDesigns design_mimic(const DesignTask& task, const StudentSpec& spec);

// `bottleneck` and `target` are both `spec.until`; there is no decoder. Names of the layers begin
// with "encoder.". Throws as design_task does.
Student make_mimic_student(const Graph& teacher, const StudentSpec& spec);

}  // namespace isthmus
