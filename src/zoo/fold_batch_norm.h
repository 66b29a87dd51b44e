#pragma once

#include "graph/graph.h"

namespace isthmus {

// Makes every BatchNormalization that follows a convolution part of it, as deployment tools do:
//
//   s = gamma / sqrt(variance + epsilon),  W' = s W,  b' = s (b - mean) + beta   per output
//   channel.
//
// The function stays the same but for rounding. Left alone are normalizations behind anything else,
// behind a convolution whose output has other users, and whatever is not f32 with constant weights.
// The output of the convolution takes the name of the normalization's.
void fold_batch_norm(Graph& graph);

}  // namespace isthmus
