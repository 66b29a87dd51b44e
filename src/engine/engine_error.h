#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "graph/graph.h"

namespace isthmus {

// One line of ours from a message of ONNX Runtime's, which may be many: `model`, then node and
// operator where the message names them (or, where it names an operator alone, the first such node
// of `graph`, which may be null), then what is wrong. The kind: kUnsupported for an operator, a
// version or memory that the engine does not have, kInvalid for a broken model.
Error engine_error(std::string_view library_message, const std::string& model, const Graph* graph);

}  // namespace isthmus
