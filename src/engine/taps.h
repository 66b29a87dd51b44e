#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace isthmus {

// A copy whose outputs are those of `graph` and then, in the order given, every named tensor that
// is neither an input nor an output already. Throws Error{kNotFound} with the nearest name for an
// unknown tensor.
Graph with_taps(const Graph& graph, std::span<const std::string> tensors);

// Runs `graph` once and gives its outputs and every named tensor (inner ones become outputs of a
// copy). Throws as with_taps and make_engine.
std::map<std::string, Tensor> run_with_taps(const Graph& graph, std::span<const Tensor> inputs,
                                            std::span<const std::string> tensors,
                                            const EngineOptions& options = {});

// Fills the types and shapes that ONNX's inference left unknown, or open in another extent than the
// first, from a run with zero inputs at batch 1 (and one at batch 2, where the network takes that,
// to see which extents follow the batch; those are set to -1). What even that cannot tell (the
// engine does not know an operator, an input has open extents) throws Error{kUnsupported} naming
// the node or input.
void fill_shapes_by_running(Graph& graph);

}  // namespace isthmus
