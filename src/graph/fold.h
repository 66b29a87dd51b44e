#pragma once

#include "graph/graph.h"

namespace isthmus {

// Replaces by initializers the small integer chains (Constant, Shape, Gather, ConstantOfShape,
// Cast, Concat, Slice, Unsqueeze, Squeeze, arithmetic) whose result does not depend on the data or
// on a dynamic extent, and removes nodes that nothing uses then. Values are exact; heavy float
// arithmetic is left alone.
void fold_constants(Graph& graph);

}  // namespace isthmus
