#pragma once

#include <set>
#include <string>

#include "graph/graph.h"

namespace isthmus {

// to_onnx for an ONNX Runtime session in this process: of the weights named in `shared` the model
// holds only the address, so the session reads them where they are. They must outlive it.
std::string to_onnx_by_address(const Graph& graph, const std::set<std::string>& shared);

}  // namespace isthmus
