#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/conformance.h"

namespace isthmus {

// Runs one operator case of ONNX (graph/conformance.h) through this program: the model is loaded,
// folded and written as always, run in the engine with and without the library's optimisations, and
// its outputs held against the recorded ones: max|a-b| / max|a| within 1e-4 for f32 and f64, one
// unit in the last place for f16 and bf16, exact for all others.
//
// Refused, with the reason: inputs or outputs that are no tensors of numbers, operators that the
// engine does not have, outputs that are random by definition, recordings that contradict their own
// model, and three cases in which ONNX Runtime is known to differ.
CaseResult run_onnx_case(const std::filesystem::path& folder);

// Another way to run a graph: inputs and outputs in its order.
using CaseRunner = std::function<std::vector<Tensor>(const Graph&, const std::vector<Tensor>&)>;

// The same three ways: the engine, `other` and the recording must agree with each other. What
// `other` throws as Error{kUnsupported} is a refusal, too.
CaseResult run_onnx_case(const std::filesystem::path& folder, const CaseRunner& other);

}  // namespace isthmus
