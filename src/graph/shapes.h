#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace isthmus {

// Fills `graph.values` and the outputs by ONNX's shape inference (libonnx). What it has no answer
// for stays unknown; engine/taps.h fills that in from a run. Idempotent.
void infer_shapes(Graph& graph);

// Sets the first extent of every graph input whose first extent is symbolic or unknown to `batch`,
// and infers again: for cost and memory. Other symbolic extents stay. The original is not changed.
Graph with_batch(const Graph& graph, std::int64_t batch);

// Gives the open extents of the only input, but for its batch, those of `shape`, and infers again.
// The graph itself where none is open or the ranks differ.
Graph with_input_shape(const Graph& graph, const Shape& shape);

}  // namespace isthmus
