// ONNX's operator cases (Debian's libonnx-testdata) through TorchGraph, three ways: libtorch, our
// engine and the recorded outputs. A row for each operator that training has, as JSON:
//   torch_cases [FOLDER]
// Exit code 1 if a case failed.

#include <iostream>

#include "core/error.h"
#include "core/json.h"
#include "train/torch_case.h"

namespace {

using isthmus::Json;

Json table_of(const std::filesystem::path& folder) {
  const isthmus::TorchConformance conformance = isthmus::check_torch_cases(folder);
  Json rows = Json::array();
  for (const auto& [name, cases] : conformance.operators)
    rows.push_back({{"operator", name},
                    {"passed", cases.passed},
                    {"refused", cases.refused},
                    {"failed", cases.failed}});
  Json table;
  table["cases"] = conformance.cases;
  table["passed"] = conformance.passed;
  table["refused"] = conformance.refused;
  table["failed"] = conformance.failed;
  table["operators"] = std::move(rows);
  table["missing"] = conformance.missing;
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
    return table["failed"] == 0 ? 0 : 1;
  } catch (const isthmus::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return isthmus::exit_code(error.kind());
  }
}
