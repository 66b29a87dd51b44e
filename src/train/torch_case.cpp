#include "train/torch_case.h"

#include <utility>
#include <vector>

#include "core/error.h"
#include "engine/onnx_case.h"
#include "graph/graph.h"
#include "train/torch_graph.h"
#include "train/torch_operator.h"
#include "train/torch_tensor.h"

namespace isthmus {
namespace {

std::vector<Tensor> run_in_torch(const Graph& graph, const std::vector<Tensor>& inputs) {
  TorchGraph torch_graph(graph);
  TorchValues given;
  for (std::size_t i = 0; i < inputs.size(); ++i) given[graph.inputs[i].name] = to_torch(inputs[i]);
  std::vector<std::string> wanted;
  for (const NamedValue& output : graph.outputs) wanted.push_back(output.name);
  const TorchValues made = torch_graph.forward(given, wanted);
  std::vector<Tensor> outputs;
  for (const std::string& name : wanted) outputs.push_back(from_torch(made.at(name)));
  return outputs;
}

// Of the model as its author wrote it: loading folds constants away.
std::set<std::string> operators_of(const std::filesystem::path& folder) {
  std::set<std::string> names;
  try {
    for (const Node& node : load_graph(folder / "model.onnx").nodes)
      names.insert(node.domain.empty() ? node.op : node.domain + '.' + node.op);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
    // The case itself says what is wrong.
  }
  return names;
}

}  // namespace

CaseResult run_torch_case(const std::filesystem::path& folder) {
  return run_onnx_case(folder, run_in_torch);
}

TorchConformance check_torch_cases(const std::filesystem::path& folder) {
  TorchConformance table;
  for (const std::string& name : torch_operator_names()) table.operators[name];
  for (const auto& path : onnx_cases(folder)) {
    const CaseResult result = run_torch_case(path);
    ++table.cases;
    table.passed += result.outcome == CaseOutcome::kPassed;
    table.refused += result.outcome == CaseOutcome::kRefused;
    table.failed += result.outcome == CaseOutcome::kFailed;
    for (const std::string& name : operators_of(path)) {
      const auto known = table.operators.find(name);
      if (known == table.operators.end()) {
        ++table.missing[name];
        continue;
      }
      TorchOperatorCases& cases = known->second;
      if (result.outcome == CaseOutcome::kPassed) ++cases.passed;
      if (result.outcome == CaseOutcome::kRefused) cases.refused[result.name] = result.reason;
      if (result.outcome == CaseOutcome::kFailed) cases.failed[result.name] = result.reason;
    }
  }
  return table;
}

}  // namespace isthmus
