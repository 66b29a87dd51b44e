// ONNX's operator cases (Debian's libonnx-testdata) run through our engine and held against the
// recorded outputs, as JSON:
//   run_onnx_cases [FOLDER]
// Exit code 1 if a case failed.

#include <iostream>
#include <map>

#include "core/error.h"
#include "core/json.h"
#include "engine/onnx_case.h"

namespace {

using isthmus::CaseOutcome;
using isthmus::CaseResult;
using isthmus::Json;

Json table_of(const std::filesystem::path& folder) {
  std::map<CaseOutcome, int> counts;
  Json refused = Json::array();
  Json failed = Json::array();
  for (const auto& path : isthmus::onnx_cases(folder)) {
    const CaseResult result = isthmus::run_onnx_case(path);
    ++counts[result.outcome];
    const Json row = {{"case", result.name}, {"reason", result.reason}};
    if (result.outcome == CaseOutcome::kRefused) refused.push_back(row);
    if (result.outcome == CaseOutcome::kFailed) failed.push_back(row);
  }
  Json table;
  table["cases"] =
      counts[CaseOutcome::kPassed] + counts[CaseOutcome::kRefused] + counts[CaseOutcome::kFailed];
  table["passed"] = counts[CaseOutcome::kPassed];
  table["refused"] = std::move(refused);
  table["failed"] = std::move(failed);
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
