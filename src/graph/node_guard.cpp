#include "graph/node_guard.h"

#include <set>
#include <string>
#include <unordered_map>

namespace isthmus {
namespace {

using onnx::AttributeProto;
using onnx::NodeProto;

// No real network comes near; products of several of these still fit in 64 bits.
constexpr std::int64_t kMaxStep = 32767;
// Longest list of extents, axes or scales.
constexpr std::int64_t kMaxListLength = 4096;

// Attributes that libonnx divides by.
const std::set<std::string> kSteps = {"strides",    "blocksize", "group",      "dilations",
                                      "num_groups", "num_heads", "num_outputs"};

std::int64_t integer_of(const NodeProto& node, const std::string& key, std::int64_t fallback) {
  for (const AttributeProto& attribute : node.attribute())
    if (attribute.name() == key) return attribute.i();
  return fallback;
}

// Extents of an input; null if they are unknown.
const onnx::TensorShapeProto* shape_of(const NodeProto& node, int input, const TypeMap& types) {
  if (input >= node.input_size()) return nullptr;
  const auto type = types.find(node.input(input));
  if (type == types.end() || !type->second->has_tensor_type()) return nullptr;
  return type->second->tensor_type().has_shape() ? &type->second->tensor_type().shape() : nullptr;
}

// A kernel has as many axes as what it slides over. libonnx returns early where a shape is unknown.
bool kernel_fits(const NodeProto& node, int weight, const TypeMap& types) {
  const auto* x = shape_of(node, 0, types);
  const auto* w = shape_of(node, weight, types);
  return !x || !w || (x->dim_size() == w->dim_size() && x->dim_size() >= 3);
}

bool conv_fits(const NodeProto& node, const TypeMap& types) { return kernel_fits(node, 1, types); }

bool quantized_conv_fits(const NodeProto& node, const TypeMap& types) {
  return kernel_fits(node, 3, types);
}

// A scalar has no first extent.
bool gemm_fits(const NodeProto& node, const TypeMap& types) {
  for (const int input : {0, 1}) {
    const auto* shape = shape_of(node, input, types);
    if (shape && shape->dim_size() != 2) return false;
  }
  return true;
}

// Lists of extents make as many dimensions as they are long.
bool lists_are_short(const NodeProto& node, const TypeMap& types) {
  for (int i = 0; i < node.input_size(); ++i) {
    const auto* shape = shape_of(node, i, types);
    if (i == 0 && node.op_type() != "ConstantOfShape") continue;
    if (shape && shape->dim_size() == 1 && shape->dim(0).dim_value() > kMaxListLength) return false;
  }
  return true;
}

bool gather_nd_fits(const NodeProto& node, const TypeMap& types) {
  const std::int64_t batch = integer_of(node, "batch_dims", 0);
  if (batch == 0) return true;
  const auto* data = shape_of(node, 0, types);
  const auto* indices = shape_of(node, 1, types);
  return batch > 0 && (!data || batch < data->dim_size()) &&
         (!indices || batch < indices->dim_size());
}

bool axis_fits(const NodeProto& node, const TypeMap& types) {
  const auto* x = shape_of(node, 0, types);
  const std::int64_t axis = integer_of(node, "axis", -1);
  return !x || (axis >= -x->dim_size() && axis < x->dim_size());
}

bool scan_fits(const NodeProto& node, const TypeMap&) {
  const std::int64_t inputs = integer_of(node, "num_scan_inputs", 0);
  return inputs >= 0 && inputs <= node.input_size();
}

// Reads past the end for most signals and windows; no vision network has it.
bool never(const NodeProto&, const TypeMap&) { return false; }

using Rule = bool (*)(const NodeProto&, const TypeMap&);

const std::unordered_map<std::string, Rule>& rules() {
  static const std::unordered_map<std::string, Rule> table = {
      {"Conv", conv_fits},
      {"ConvInteger", conv_fits},
      {"ConvTranspose", conv_fits},
      {"QLinearConv", quantized_conv_fits},
      {"Gemm", gemm_fits},
      {"ConstantOfShape", lists_are_short},
      {"Expand", lists_are_short},
      {"Reshape", lists_are_short},
      {"Tile", lists_are_short},
      {"Resize", lists_are_short},
      {"Upsample", lists_are_short},
      {"GatherND", gather_nd_fits},
      {"LayerNormalization", axis_fits},
      {"Scan", scan_fits},
      {"STFT", never},
  };
  return table;
}

}  // namespace

bool attributes_are_safe(const NodeProto& node) {
  for (const AttributeProto& attribute : node.attribute()) {
    if (!kSteps.contains(attribute.name())) continue;
    if (attribute.has_ref_attr_name()) return false;
    if (attribute.type() == AttributeProto::INT && (attribute.i() < 1 || attribute.i() > kMaxStep))
      return false;
    for (const std::int64_t value : attribute.ints())
      if (value < 1 || value > kMaxStep) return false;
  }
  return true;
}

bool ranks_are_safe(const NodeProto& node, const TypeMap& types) {
  if (!node.domain().empty()) return true;
  const auto rule = rules().find(node.op_type());
  return rule == rules().end() || rule->second(node, types);
}

bool needs_ranks(const NodeProto& node) {
  return node.domain().empty() && rules().contains(node.op_type());
}

}  // namespace isthmus
