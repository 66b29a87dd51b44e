#include "engine/onnx_case.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/error.h"
#include "engine/difference.h"
#include "engine/engine.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

// Not for a runtime to reproduce: the numbers were drawn when the case was recorded.
constexpr std::array kRandomOperators = {"Bernoulli",     "RandomNormal",      "RandomNormalLike",
                                         "RandomUniform", "RandomUniformLike", "Multinomial"};

// ONNX Runtime takes the extents that come out for the formula where the recordings take the scale,
// and leaves these cases out of its own tests too ("results mismatch with onnx tests", "invalid
// output in ONNX test").
constexpr std::array kKnownDifferences = {"test_resize_downsample_scales_cubic_align_corners",
                                          "test_resize_downsample_scales_linear_align_corners",
                                          "test_maxunpool_export_with_output_shape"};

std::string random_operator(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (std::ranges::find(kRandomOperators, node.op) != kRandomOperators.end()) return node.op;
    // Drops at random where its third input, or the attribute of old, says that it trains.
    if (node.op == "Dropout" && node.inputs.size() > 2 && !node.inputs[2].empty()) return node.op;
  }
  return "";
}

std::vector<fs::path> data_sets(const fs::path& folder) {
  std::vector<fs::path> sets;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("test_data_set_"))
      sets.push_back(entry.path());
  std::ranges::sort(sets);
  return sets;
}

std::string describe(const Tensor& tensor) {
  return std::string(to_string(tensor.dtype())) + ' ' + to_string(tensor.shape());
}

// Nothing where one is no tensor of numbers.
std::optional<std::vector<Tensor>> recorded(const fs::path& set, const std::string& prefix,
                                            std::size_t count) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < count; ++i) {
    auto tensor = read_recorded_tensor(set / (prefix + std::to_string(i) + ".pb"));
    if (!tensor) return std::nullopt;
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

// bfloat16 is recorded as uint16.
Tensor as_type(const Tensor& tensor, DType wanted) {
  if (wanted != DType::kBF16 || tensor.dtype() != DType::kU16) return tensor;
  return Tensor::adopt(wanted, tensor.shape(), tensor.bytes(), std::make_shared<Tensor>(tensor));
}

// "Equal" as everywhere here, but no finer than the type can tell.
double tolerance_of(DType type) {
  switch (type) {
    case DType::kF32:
    case DType::kF64: return 1e-4;
    case DType::kF16: return 0x1p-10;
    case DType::kBF16: return 0x1p-7;
    default: return 0;
  }
}

// "" where they agree.
std::string disagreement(const Tensor& given, const Tensor& wanted) {
  if (given.dtype() != wanted.dtype() || given.shape() != wanted.shape())
    return "is " + describe(given) + ", recorded " + describe(wanted);
  const double difference = tensor_difference(wanted, given);
  if (difference <= tolerance_of(wanted.dtype())) return "";
  return "differs by " + std::to_string(difference) + " of the largest recorded value";
}

// The recording contradicts its own model, for all that a runtime can do.
std::string contradiction(const TensorSpec& spec, const Tensor& tensor) {
  bool fits = spec.dtype == tensor.dtype() && spec.shape.size() == tensor.shape().size();
  for (std::size_t i = 0; fits && i < spec.shape.size(); ++i)
    fits = spec.shape[i] < 0 || spec.shape[i] == tensor.shape()[i];
  if (fits) return "";
  return "the recorded input " + spec.name + " is " + describe(tensor) +
         ", which its model does not take";
}

CaseResult refused(CaseResult result, const std::string& reason) {
  result.outcome = CaseOutcome::kRefused;
  result.reason = reason;
  return result;
}

CaseResult failed(CaseResult result, const std::string& reason) {
  result.outcome = CaseOutcome::kFailed;
  result.reason = reason;
  return result;
}

// "" where the outputs agree, one by one.
std::string first_disagreement(const std::vector<TensorSpec>& outputs,
                               const std::vector<Tensor>& given,
                               const std::vector<Tensor>& wanted) {
  if (given.size() != wanted.size()) return "number of outputs";
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string wrong = disagreement(given[i], as_type(wanted[i], given[i].dtype()));
    if (!wrong.empty()) return "output " + outputs[i].name + ' ' + wrong;
  }
  return "";
}

CaseResult run_set(Engine& engine, const Graph& graph, const CaseRunner& other, const fs::path& set,
                   CaseResult result) {
  const auto inputs = recorded(set, "input_", engine.inputs().size());
  const auto outputs = recorded(set, "output_", engine.outputs().size());
  if (!inputs || !outputs) return refused(result, "recorded values are no tensors of numbers");
  std::vector<Tensor> given;
  for (std::size_t i = 0; i < inputs->size(); ++i) {
    given.push_back(as_type((*inputs)[i], engine.inputs()[i].dtype));
    if (const std::string wrong = contradiction(engine.inputs()[i], given.back()); !wrong.empty())
      return refused(result, wrong);
  }
  const std::vector<Tensor> made = engine.run(given);
  std::string wrong = first_disagreement(engine.outputs(), made, *outputs);
  if (!wrong.empty()) return failed(result, wrong);
  if (!other) return result;
  const std::vector<Tensor> others = other(graph, given);
  wrong = first_disagreement(engine.outputs(), others, *outputs);
  if (wrong.empty()) wrong = first_disagreement(engine.outputs(), others, made);
  return wrong.empty() ? result : failed(result, wrong);
}

}  // namespace

CaseResult run_onnx_case(const fs::path& folder) { return run_onnx_case(folder, {}); }

CaseResult run_onnx_case(const fs::path& folder, const CaseRunner& other) {
  CaseResult result{.name = folder.filename().string()};
  if (std::ranges::find(kKnownDifferences, result.name) != kKnownDifferences.end())
    return refused(result, "ONNX Runtime is known to differ from the recording");
  try {
    const Graph graph = load_graph(folder / "model.onnx");
    if (const std::string op = random_operator(graph); !op.empty())
      return refused(result, op + " is random by definition");
    for (const bool optimise : {true, false}) {
      const auto engine = make_engine(graph, {.optimise = optimise});
      for (const fs::path& set : data_sets(folder)) {
        result = run_set(*engine, graph, other, set, result);
        if (result.outcome != CaseOutcome::kPassed) return result;
      }
    }
    return result;
  } catch (const Error& e) {
    return e.kind() == ErrorKind::kUnsupported ? refused(result, e.what())
                                               : failed(result, e.what());
  }
}

}  // namespace isthmus
