#pragma once

#include "split/student.h"

namespace isthmus {

// The teacher with fewer channels at one tensor, for direct training: the natural bottleneck made
// more aggressive (paper 0, Table 1: 64, 8 and 4 filters in the first convolution of DenseNet-169,
// 133, 16.7 and 8.33 % of the input behind its pooling).
//
// The convolutions that make `spec.until` keep their first `spec.channels` filters, and whatever
// takes those channels keeps the weights that belong to them, through normalization, pooling,
// concatenation, flattening and padding. In a residual network all blocks that add to the tensor
// get narrow with it. Weights begin as the teacher's, so nothing is random.
//
// bottleneck = `spec.until`; there is no target. Regions: encoder = what runs up to the tensor,
// decoder = what behind it lost weights, tail = the rest, as the teacher has it.
//
// Throws Error{kInvalid} for a tensor that is no cut point, channels outside 1 to one less than the
// teacher's, and a tensor whose channels do not come from convolutions (a concatenation);
// Error{kUnsupported} naming the node behind it that cannot do with fewer.
Student make_narrow_student(const Graph& teacher, const StudentSpec& spec);

}  // namespace isthmus
