#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "graph/conformance.h"

namespace isthmus {

// One operator case of ONNX, three ways: TorchGraph, the engine and the recorded outputs agree with
// each other (engine/onnx_case.h has the tolerances and what is refused). Besides that, refused
// with the reason: operators that training does not have, and element types that libtorch does not
// compute with.
CaseResult run_torch_case(const std::filesystem::path& folder);

struct TorchOperatorCases {
  int passed = 0;
  // Case -> reason.
  std::map<std::string, std::string> refused;
  std::map<std::string, std::string> failed;
};

struct TorchConformance {
  int cases = 0;
  int passed = 0;
  int refused = 0;
  int failed = 0;
  // Of the operators that training has, each with the cases whose models use it.
  std::map<std::string, TorchOperatorCases> operators;
  // How often each operator that training does not have was asked for.
  std::map<std::string, int> missing;
};

// All cases below the folder.
TorchConformance check_torch_cases(const std::filesystem::path& folder);

}  // namespace isthmus
