#pragma once

#include "split/bottleneck.h"
#include "split/student.h"

namespace isthmus {

// The baseline of paper 1, IV-C: the unmodified teacher with four convolutions behind `until`,
// whose output is the bottleneck, and four transposed convolutions that make `until` of it again.
//
// Channels go down in equal ratios to the bottleneck's (default 12) and the side by halves, in the
// first layers, to the patch (default: half of the tensor's side); the way up is the mirror of it.
// Batch normalization behind each layer, ReLU between them, behind the bottleneck unless it is
// `linear`, and behind the last where the tensor is never negative. `budget` does not count.
StudentDesign design_autoencoder(const DesignTask& task, const StudentSpec& spec);

// The encoder's and decoder's regions are the added layers ("encoder.", "decoder."); the tail is
// the whole teacher, also what of it runs before the autoencoder and makes `source`, the tensor
// that was called `until`. Throws as design_task does, and Error{kInvalid} for a bottleneck that is
// not smaller than the tensor.
Student make_autoencoder_student(const Graph& teacher, const StudentSpec& spec);

}  // namespace isthmus
