// Graph load, shapes and cost over ONNX's operator cases (Debian's libonnx-testdata), as JSON:
//   onnx_cases [FOLDER]
// Exit code 1 if a case failed.

#include <iostream>

#include "core/error.h"
#include "core/json.h"
#include "graph/conformance.h"

namespace {

using isthmus::CaseOutcome;
using isthmus::Json;

Json table_of(const std::filesystem::path& folder) {
  Json table = {{"cases", 0},
                {"passed", 0},
                {"outputs", 0},
                {"outputs_known", 0},
                {"refused", Json::array()},
                {"failed", Json::array()}};
  int cases = 0;
  int passed = 0;
  int outputs = 0;
  int known = 0;
  for (const auto& path : isthmus::onnx_cases(folder)) {
    const isthmus::CaseResult result = isthmus::check_onnx_case(path);
    ++cases;
    outputs += result.outputs;
    known += result.known_outputs;
    const Json row = {{"case", result.name}, {"reason", result.reason}};
    if (result.outcome == CaseOutcome::kPassed) ++passed;
    if (result.outcome == CaseOutcome::kRefused) table["refused"].push_back(row);
    if (result.outcome == CaseOutcome::kFailed) table["failed"].push_back(row);
  }
  table["cases"] = cases;
  table["passed"] = passed;
  table["outputs"] = outputs;
  table["outputs_known"] = known;
  return table;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const auto installed = isthmus::onnx_cases_folder();
    if (count < 2 && !installed) {
      std::cerr << "ONNX's operator cases are not installed: apt-get install libonnx-testdata\n";
      return 2;
    }
    const Json table = table_of(count > 1 ? std::filesystem::path(arguments[1]) : *installed);
    std::cout << table.dump(2) << '\n';
    return table["failed"].empty() ? 0 : 1;
  } catch (const isthmus::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return isthmus::exit_code(error.kind());
  }
}
