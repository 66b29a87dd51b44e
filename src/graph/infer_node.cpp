#include "graph/infer_node.h"

#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <set>

#include "graph/infer_reshape.h"
#include "graph/node_guard.h"
#include "graph/onnx_proto.h"

namespace isthmus {
namespace {

using onnx::AttributeProto;
using onnx::NodeProto;
using onnx::OpSchema;
using onnx::TypeProto;

// Bodies of functions are expanded; a hostile file can nest them without end.
constexpr std::size_t kMaxFunctionNodes = 10'000;
constexpr std::size_t kMaxFunctionDepth = 16;

// Attributes of later opsets that do not touch shapes, and those that do not while they are 0.
const std::set<std::string> kIgnored = {"saturate", "round_mode", "antialias"};
const std::set<std::string> kIgnoredAtZero = {"block_size", "output_dtype", "precision"};
// Reductions whose axes became an input in opset 18.
const std::set<std::string> kReductions = {"ReduceL1",        "ReduceL2",   "ReduceLogSum",
                                           "ReduceLogSumExp", "ReduceMax",  "ReduceMin",
                                           "ReduceMean",      "ReduceProd", "ReduceSumSquare"};
// Operators that libonnx 1.12 does not know and whose output is like their first input.
const std::set<std::string> kLikeInput = {"Gelu", "Mish", "GroupNormalization", "Swish",
                                          "RMSNormalization"};

bool follows_schema(const NodeProto& node, const OpSchema& schema) {
  try {
    schema.Verify(node);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

// True if every input is there with a type that the schema allows.
bool inputs_fit(const NodeProto& node, const OpSchema& schema, const TypeMap& types) {
  const auto& formal = schema.inputs();
  for (int i = 0; i < node.input_size(); ++i) {
    if (node.input(i).empty()) continue;
    const auto type = types.find(node.input(i));
    if (type == types.end() || formal.empty()) return false;
    const auto& parameter = formal[std::min(formal.size() - 1, static_cast<std::size_t>(i))];
    try {
      if (!parameter.GetTypes().contains(onnx::Utils::DataTypeUtils::ToType(*type->second)))
        return false;
    } catch (const std::exception&) {
      return false;
    }
  }
  return true;
}

// Whether opset 17 says the same without this attribute.
bool is_needless(const NodeProto& node, const AttributeProto& attribute) {
  if (kIgnored.contains(attribute.name())) return true;
  if (kIgnoredAtZero.contains(attribute.name())) return attribute.i() == 0;
  return node.op_type() == "AveragePool" && attribute.name() == "dilations" &&
         std::ranges::all_of(attribute.ints(), [](auto step) { return step == 1; });
}

// Writes a node of opset 18 and later as opset 17 has it; false if there is no telling.
bool downgrade(NodeProto& node, const DataMap& data) {
  auto& attributes = *node.mutable_attribute();
  attributes.erase(std::remove_if(attributes.begin(), attributes.end(),
                                  [&](const AttributeProto& a) { return is_needless(node, a); }),
                   attributes.end());
  while (node.input_size() > 0 && node.input(node.input_size() - 1).empty())
    node.mutable_input()->RemoveLast();
  if (!kReductions.contains(node.op_type())) return true;
  bool noop = false;
  for (const AttributeProto& attribute : attributes)
    noop |= attribute.name() == "noop_with_empty_axes" && attribute.i() != 0;
  const bool has_axes = node.input_size() > 1 && !node.input(1).empty();
  if (noop && !has_axes) return false;
  attributes.erase(
      std::remove_if(attributes.begin(), attributes.end(),
                     [](const AttributeProto& a) { return a.name() == "noop_with_empty_axes"; }),
      attributes.end());
  if (has_axes) {
    const auto axes = data.find(node.input(1));
    if (axes == data.end() || axes->second->data_type() != onnx::TensorProto::INT64) return false;
    auto& attribute = *node.add_attribute();
    attribute.set_name("axes");
    attribute.set_type(AttributeProto::INTS);
    const Tensor values = tensor_from_proto(onnx::TensorProto(*axes->second), "axes");
    for (const std::int64_t axis : values.values<std::int64_t>()) attribute.add_ints(axis);
    if (attribute.ints_size() == 0) return false;
  }
  while (node.input_size() > 1) node.mutable_input()->RemoveLast();
  return true;
}

// Split of opset 18 with `num_outputs`: equal pieces, the last one smaller.
std::vector<TypeProto> infer_split(const NodeProto& node, const TypeMap& types) {
  const auto input = types.find(node.input(0));
  if (input == types.end() || !input->second->tensor_type().has_shape()) return {};
  std::int64_t axis = 0;
  for (const AttributeProto& attribute : node.attribute())
    if (attribute.name() == "axis") axis = attribute.i();
  const int rank = input->second->tensor_type().shape().dim_size();
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return {};
  std::vector<TypeProto> result;
  const auto extent = input->second->tensor_type().shape().dim(static_cast<int>(axis));
  for (int i = 0; i < node.output_size(); ++i) {
    TypeProto& type = result.emplace_back(*input->second);
    auto& dim = *type.mutable_tensor_type()->mutable_shape()->mutable_dim(static_cast<int>(axis));
    dim.Clear();
    if (!extent.has_dim_value() || extent.dim_value() > std::numeric_limits<int>::max()) continue;
    const std::int64_t piece = (extent.dim_value() + node.output_size() - 1) / node.output_size();
    dim.set_dim_value(std::clamp<std::int64_t>(extent.dim_value() - i * piece, 0, piece));
  }
  return result;
}

}  // namespace

NodeInference::NodeInference(const std::map<std::string, std::int64_t>& opsets,
                             std::vector<onnx::FunctionProto> functions)
    : functions_(std::move(functions)) {
  for (const auto& [domain, version] : opsets)
    opsets_[domain] =
        static_cast<int>(std::clamp<std::int64_t>(version, 1, std::numeric_limits<int>::max()));
  for (const auto& function : functions_)
    function_map_[function.domain() + ":" + function.name()] = &function;
}

const OpSchema* NodeInference::schema_of(const NodeProto& node) const {
  const auto opset = opsets_.find(node.domain());
  if (opset == opsets_.end()) return nullptr;
  return onnx::OpSchemaRegistry::Schema(node.op_type(), opset->second, node.domain());
}

const onnx::FunctionProto* NodeInference::function_of(const NodeProto& node) const {
  const auto found = function_map_.find(node.domain() + ":" + node.op_type());
  return found == function_map_.end() ? nullptr : found->second;
}

bool NodeInference::is_safe(const onnx::GraphProto& graph) const {
  for (const NodeProto& node : graph.node()) {
    const OpSchema* schema = schema_of(node);
    if (!schema || !follows_schema(node, *schema) || !is_safe(node) || needs_ranks(node))
      return false;
  }
  return true;
}

bool NodeInference::is_safe(const NodeProto& node) const {
  if (!attributes_are_safe(node)) return false;
  for (const AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g() && !is_safe(attribute.g())) return false;
    for (const auto& graph : attribute.graphs())
      if (!is_safe(graph)) return false;
  }
  return true;
}

// Nodes of the body once all is expanded; over kMaxFunctionNodes for one that must not be.
std::size_t NodeInference::function_size(const onnx::FunctionProto& function,
                                         std::size_t depth) const {
  if (depth > kMaxFunctionDepth) return kMaxFunctionNodes + 1;
  std::size_t size = 0;
  for (const NodeProto& node : function.node()) {
    if (!attributes_are_safe(node) || needs_ranks(node)) return kMaxFunctionNodes + 1;
    for (const AttributeProto& attribute : node.attribute())
      if (attribute.has_g() || attribute.graphs_size() > 0) return kMaxFunctionNodes + 1;
    const onnx::FunctionProto* inner = function_of(node);
    size += inner ? function_size(*inner, depth + 1) : 1;
    if (size > kMaxFunctionNodes) return size;
  }
  return size;
}

std::vector<TypeProto> NodeInference::infer(NodeProto node, const TypeMap& types,
                                            const DataMap& data, ShapeDataMap& shape_data) const {
  namespace inference = onnx::shape_inference;
  const auto opset = opsets_.find(node.domain());
  const bool newer = node.domain().empty() && opset != opsets_.end() && opset->second > 17;
  if (newer && !downgrade(node, data)) return {};
  if (newer && node.op_type() == "Split" && node.input_size() == 1) return infer_split(node, types);
  const OpSchema* schema = schema_of(node);
  const onnx::FunctionProto* function = function_of(node);
  if (!schema && !function && newer && kLikeInput.contains(node.op_type()) &&
      node.input_size() > 0 && node.output_size() > 0 && types.contains(node.input(0))) {
    std::vector<TypeProto> result(static_cast<std::size_t>(node.output_size()));
    result[0] = *types.at(node.input(0));
    return result;
  }
  if (!schema && !function) return {};
  if (!is_safe(node) || !ranks_are_safe(node, types)) return {};
  if (schema && (!follows_schema(node, *schema) || !inputs_fit(node, *schema, types))) return {};
  if (!schema && function_size(*function, 0) > kMaxFunctionNodes) return {};
  try {
    inference::GraphInferenceContext graph_context(types, opsets_, nullptr, function_map_,
                                                   onnx::OpSchemaRegistry::Instance());
    inference::InferenceContextImpl context(node, types, data, {}, &shape_data, &graph_context);
    if (!schema)
      inference::InferShapeForFunctionNode(*function, onnx::OpSchemaRegistry::Instance(), context,
                                           {}, function_map_);
    else if (schema->has_type_and_shape_inference_function())
      schema->GetTypeAndShapeInferenceFunction()(context);
    else if (schema->HasFunction())
      inference::InferShapeForFunctionNode(*schema->GetFunction(),
                                           onnx::OpSchemaRegistry::Instance(), context);
    if (schema && schema->has_data_propagation_function()) {
      inference::DataPropagationContextImpl propagation(node, types, data, shape_data);
      schema->GetDataPropagationFunction()(propagation);
    }
    if (node.domain().empty() && node.op_type() == "Reshape")
      infer_reshape(node, types, data, shape_data, context.allOutputTypes_);
    return context.allOutputTypes_;
  } catch (const std::exception&) {
    // libonnx says so where it cannot tell, and where a node is wrong: the engine is the judge of
    // that.
    return {};
  }
}

}  // namespace isthmus
