#include "graph/shape_walk.h"

#include <deque>
#include <unordered_map>

#include "graph/evaluate.h"
#include "graph/infer_node.h"
#include "graph/onnx_proto.h"

namespace isthmus {
namespace {

// Floats are looked at only where they say something of a shape (the scales of Resize).
constexpr std::int64_t kMaxFloatData = 16;

bool is_integer(DType type) {
  return type == DType::kI64 || type == DType::kI32 || type == DType::kBool;
}

bool is_shape_data(const Tensor& tensor) {
  return tensor.size() <= (is_integer(tensor.dtype()) ? kMaxFoldedElements : kMaxFloatData);
}

// What inference found beside what was known: a number beats a symbol, a symbol beats nothing, and
// of two the inferred one holds.
Value merged(const Value& inferred, const Value& known) {
  Value result = inferred;
  result.rest = known.rest;
  if (result.dtype == DType::kUndefined) result.dtype = known.dtype;
  if (!known.has_shape) return result;
  if (!inferred.has_shape || inferred.shape.size() != known.shape.size()) {
    if (inferred.has_shape) return result;
    result.has_shape = true;
    result.shape = known.shape;
    result.symbols = known.symbols;
    return result;
  }
  const auto symbol = [](const Value& value, std::size_t axis) {
    return axis < value.symbols.size() ? value.symbols[axis] : std::string();
  };
  std::vector<std::string> symbols(result.shape.size());
  bool any = false;
  for (std::size_t axis = 0; axis < result.shape.size(); ++axis) {
    if (result.shape[axis] < 0) result.shape[axis] = known.shape[axis];
    if (result.shape[axis] >= 0) continue;
    symbols[axis] = symbol(inferred, axis);
    if (symbols[axis].empty()) symbols[axis] = symbol(known, axis);
    any |= !symbols[axis].empty();
  }
  result.symbols = any ? symbols : std::vector<std::string>();
  return result;
}

std::vector<onnx::FunctionProto> functions_of(const Graph& graph) {
  onnx::ModelProto rest;
  rest.ParseFromString(graph.rest);
  return {rest.functions().begin(), rest.functions().end()};
}

}  // namespace

class ShapeWalk::Impl {
 public:
  explicit Impl(const Graph& graph) : graph_(graph), inference_(graph.opsets, functions_of(graph)) {
    for (const NamedValue& output : graph.outputs) given_[output.name] = output.value;
    for (const NamedValue& input : graph.inputs) given_[input.name] = input.value;
  }

  void visit(const Node& node) {
    std::vector<const Tensor*> inputs;
    for (const std::string& input : node.inputs) inputs.push_back(constant(input));
    evaluate(node, inputs);
    const bool done = std::ranges::all_of(node.outputs, [&](const std::string& output) {
      return output.empty() || constants_.contains(output);
    });
    if (!done || node.outputs.empty()) infer(node);
  }

  Value value_of(const std::string& tensor) const {
    if (const auto found = values_.find(tensor); found != values_.end()) return found->second;
    return given(tensor);
  }

  const Tensor* constant(const std::string& tensor) const {
    if (const auto found = constants_.find(tensor); found != constants_.end())
      return &found->second;
    const auto found = graph_.initializers.find(tensor);
    if (found == graph_.initializers.end() || found->second.tensor.empty()) return nullptr;
    return &found->second.tensor;
  }

 private:
  // What the graph says of a tensor.
  Value given(const std::string& tensor) const {
    const auto found = given_.find(tensor);
    if (found != given_.end()) return found->second;
    if (const auto inner = graph_.values.find(tensor); inner != graph_.values.end())
      return inner->second;
    const auto weight = graph_.initializers.find(tensor);
    if (weight == graph_.initializers.end() || weight->second.tensor.empty()) return {};
    const Tensor& stored = weight->second.tensor;
    return {.dtype = stored.dtype(), .shape = stored.shape(), .has_shape = true};
  }

  void evaluate(const Node& node, const std::vector<const Tensor*>& inputs) {
    std::vector<Tensor> results;
    if (node.domain.empty() && (node.op == "Shape" || node.op == "Size") && !node.inputs.empty())
      results = evaluate_shape(node, value_of(node.inputs[0]));
    else
      results = evaluate_node(node, inputs, graph_.opset(), kMaxFoldedElements);
    for (std::size_t i = 0; i < results.size() && i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty() || results[i].empty()) continue;
      values_[node.outputs[i]] = {
          .dtype = results[i].dtype(), .shape = results[i].shape(), .has_shape = true};
      constants_[node.outputs[i]] = std::move(results[i]);
    }
  }

  void infer(const Node& node) {
    for (const std::string& need : node.needs()) know(need);
    const auto types = inference_.infer(node_to_proto(node), types_, data_, shape_data_);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const std::string& output = node.outputs[i];
      if (output.empty()) continue;
      const bool known = i < types.size();
      const Value inferred = known ? value_from_type(types[i]) : Value{};
      Value value = merged(inferred, given(output));
      // Sequences, maps and optionals.
      if (known && types[i].value_case() != onnx::TypeProto::VALUE_NOT_SET &&
          !types[i].has_tensor_type()) {
        onnx::ValueInfoProto proto;
        *proto.mutable_type() = types[i];
        value = value_from_proto(proto);
      }
      values_[output] = std::move(value);
    }
  }

  // Hands the type of a tensor, and its data if it is small, to libonnx's maps.
  void know(const std::string& tensor) {
    if (!types_.contains(tensor)) {
      const onnx::ValueInfoProto proto = value_to_proto(tensor, value_of(tensor));
      if (proto.type().value_case() != onnx::TypeProto::VALUE_NOT_SET) {
        type_storage_.push_back(proto.type());
        types_[tensor] = &type_storage_.back();
      }
    }
    const Tensor* value = constant(tensor);
    if (!value || data_.contains(tensor) || !is_shape_data(*value)) return;
    tensor_to_proto(*value, &data_storage_.emplace_back());
    data_[tensor] = &data_storage_.back();
  }

  const Graph& graph_;
  NodeInference inference_;
  // Of inputs and outputs, which a Graph has in lists.
  std::unordered_map<std::string, Value> given_;
  std::unordered_map<std::string, Value> values_;
  std::unordered_map<std::string, Tensor> constants_;
  std::deque<onnx::TypeProto> type_storage_;
  std::deque<onnx::TensorProto> data_storage_;
  TypeMap types_;
  DataMap data_;
  ShapeDataMap shape_data_;
};

ShapeWalk::ShapeWalk(const Graph& graph) : impl_(std::make_unique<Impl>(graph)) {}
ShapeWalk::~ShapeWalk() = default;
void ShapeWalk::visit(const Node& node) { impl_->visit(node); }
Value ShapeWalk::value_of(const std::string& tensor) const { return impl_->value_of(tensor); }
const Tensor* ShapeWalk::constant(const std::string& tensor) const {
  return impl_->constant(tensor);
}

}  // namespace isthmus
