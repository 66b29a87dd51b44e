#include "graph/conformance.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "graph/cost.h"
#include "graph/cuts.h"
#include "graph/onnx_proto.h"
#include "graph/shapes.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

// "" if the tensor fits the value.
std::string difference(const Value& value, const Tensor& tensor) {
  if (value.dtype == DType::kBF16 && tensor.dtype() != DType::kBF16)
    throw Error(ErrorKind::kUnsupported,
                "bfloat16 is recorded as " + std::string(to_string(tensor.dtype())));
  if (value.dtype != DType::kUndefined && value.dtype != tensor.dtype())
    return "is " + std::string(to_string(tensor.dtype())) + ", inferred " +
           std::string(to_string(value.dtype));
  if (!value.has_shape) return "";
  bool same = value.shape.size() == tensor.shape().size();
  for (std::size_t i = 0; same && i < value.shape.size(); ++i)
    same = value.shape[i] < 0 || value.shape[i] == tensor.shape()[i];
  if (same) return "";
  return "is " + to_string(tensor.shape()) + ", inferred " + to_string(value.shape);
}

bool is_complete(const Value& value) {
  return value.dtype != DType::kUndefined && value.has_shape &&
         std::ranges::none_of(value.shape, [](auto e) { return e < 0; });
}

// Compares "input_0.pb", ... with the values, in order.
std::string compare(const fs::path& set, const std::string& prefix,
                    const std::vector<NamedValue>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const fs::path file = set / (prefix + std::to_string(i) + ".pb");
    if (!fs::exists(file) || !values[i].value.rest.empty()) continue;
    const auto tensor = read_recorded_tensor(file);
    const std::string wrong = tensor ? difference(values[i].value, *tensor) : "";
    if (!wrong.empty()) return prefix + std::to_string(i) + " (" + values[i].name + ") " + wrong;
  }
  return "";
}

// The model's own words on its inner values and outputs are taken away, so that inference has to
// find them.
Graph without_hints(const Graph& graph) {
  Graph bare = graph;
  bare.values.clear();
  for (NamedValue& output : bare.outputs) output.value = {};
  infer_shapes(bare);
  return bare;
}

std::string check(const fs::path& folder, CaseResult& result) {
  const Graph graph = load_graph(folder / "model.onnx");
  const std::string bytes = to_onnx(graph);
  if (to_onnx(parse_graph(bytes, "saved again", folder)) != bytes)
    return "saving and loading again gives another model";
  const GraphCost cost = cost_of(graph);
  if (cost.macs < 0 || cost.params < 0 || cost.peak_bytes < 0) return "the cost is negative";
  cut_points(graph);
  const Graph inferred = without_hints(graph);
  result.outputs = static_cast<int>(inferred.outputs.size());
  for (const NamedValue& output : inferred.outputs)
    result.known_outputs += is_complete(output.value) || !output.value.rest.empty();
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with("test_data_set_")) continue;
    for (const Graph* model : {&graph, &inferred}) {
      std::string wrong = compare(entry.path(), "input_", model->inputs);
      if (wrong.empty()) wrong = compare(entry.path(), "output_", model->outputs);
      if (!wrong.empty()) return wrong;
    }
  }
  return "";
}

}  // namespace

std::optional<fs::path> onnx_cases_folder() {
  const fs::path folder = "/usr/share/libonnx-testdata/data";
  std::error_code error;
  if (!fs::is_directory(folder, error)) return std::nullopt;
  return folder;
}

std::vector<fs::path> onnx_cases(const fs::path& folder) {
  std::vector<fs::path> cases;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().filename() == "model.onnx") cases.push_back(entry.path().parent_path());
  std::ranges::sort(cases);
  return cases;
}

std::optional<Tensor> read_recorded_tensor(const fs::path& file) {
  onnx::TensorProto proto;
  if (!proto.ParseFromString(read_file(file)) || !is_tensor_type(proto.data_type()))
    return std::nullopt;
  return tensor_from_proto(std::move(proto), file.string());
}

CaseResult check_onnx_case(const fs::path& folder) {
  CaseResult result{.name = folder.parent_path().filename().string() + '/' +
                            folder.filename().string()};
  try {
    result.reason = check(folder, result);
    if (!result.reason.empty()) result.outcome = CaseOutcome::kFailed;
  } catch (const Error& error) {
    result.outcome = CaseOutcome::kRefused;
    result.reason = error.what();
  }
  return result;
}

}  // namespace isthmus
