#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// The operator cases of ONNX ("backend test data"): folders with model.onnx and, in
// test_data_set_N, the recorded input_M.pb and output_M.pb.

// The folder that Debian's libonnx-testdata installs; none if it is not there.
std::optional<std::filesystem::path> onnx_cases_folder();
// Every folder below that holds a model.onnx, by name.
std::vector<std::filesystem::path> onnx_cases(const std::filesystem::path& folder);

// Reads a recorded tensor. None if it is a sequence, an optional, strings or another type that
// Tensor does not hold. Throws Error{kNotFound, kInvalid}.
std::optional<Tensor> read_recorded_tensor(const std::filesystem::path& file);

enum class CaseOutcome {
  kPassed,
  // The case is beyond this program, for the reason given.
  kRefused,
  kFailed,
};

struct CaseResult {
  std::string name;
  CaseOutcome outcome = CaseOutcome::kPassed;
  // Why it was refused or failed.
  std::string reason;
  // Outputs whose every extent was inferred, and all outputs.
  int known_outputs = 0;
  int outputs = 0;
};

// Loads the case's model and holds it against what was recorded: every input and output has the
// inferred type and the inferred extents where they are known; saving and loading again gives the
// same bytes; the cost is computed and not negative. A model without its recorded tensors is
// checked without them.
CaseResult check_onnx_case(const std::filesystem::path& folder);

}  // namespace isthmus
