#include "graph/infer_reshape.h"

#include <algorithm>
#include <optional>

#include "graph/onnx_proto.h"

namespace isthmus {
namespace {

using Dim = onnx::TensorShapeProto::Dimension;
using Dims = google::protobuf::RepeatedPtrField<Dim>;

// The target as extents; -1 where the rest goes. Nothing if it is unknown.
std::optional<std::vector<Dim>> target_of(const onnx::NodeProto& node, const DataMap& data,
                                          const ShapeDataMap& shape_data) {
  std::vector<Dim> target;
  if (const auto known = data.find(node.input(1)); known != data.end()) {
    if (known->second->data_type() != onnx::TensorProto::INT64) return std::nullopt;
    const Tensor values = tensor_from_proto(onnx::TensorProto(*known->second), "shape");
    for (const std::int64_t value : values.values<std::int64_t>())
      target.emplace_back().set_dim_value(value);
    return target;
  }
  const auto partial = shape_data.find(node.input(1));
  if (partial == shape_data.end()) return std::nullopt;
  return std::vector<Dim>(partial->second.dim().begin(), partial->second.dim().end());
}

bool is_number(const Dim& dim) { return dim.has_dim_value() && dim.dim_value() >= 0; }
bool is_rest(const Dim& dim) { return dim.has_dim_value() && dim.dim_value() == -1; }
bool is_symbol(const Dim& dim) { return !dim.has_dim_value() && !dim.dim_param().empty(); }

// What is left of `from` when `used` is taken out of it: a number, a symbol, or nothing that has a
// name.
Dim rest_of(std::vector<Dim> from, std::vector<Dim> used) {
  for (auto dim = used.begin(); dim != used.end();) {
    const auto same = std::ranges::find_if(from, [&](const Dim& other) {
      return is_symbol(*dim) && is_symbol(other) && other.dim_param() == dim->dim_param();
    });
    if (same == from.end()) {
      ++dim;
      continue;
    }
    from.erase(same);
    dim = used.erase(dim);
  }
  std::int64_t above = 1;
  std::int64_t below = 1;
  const auto times = [](std::int64_t& product, const Dim& dim) {
    return dim.dim_value() > 0 && !__builtin_mul_overflow(product, dim.dim_value(), &product);
  };
  std::vector<Dim> symbols;
  for (const Dim& dim : from) {
    if (!is_number(dim))
      symbols.push_back(dim);
    else if (!times(above, dim))
      return {};
  }
  for (const Dim& dim : used)
    if (!is_number(dim) || !times(below, dim)) return {};
  Dim rest;
  if (symbols.empty() && above % below == 0) rest.set_dim_value(above / below);
  if (symbols.size() == 1 && above == below) rest = symbols[0];
  return rest;
}

}  // namespace

void infer_reshape(const onnx::NodeProto& node, const TypeMap& types, const DataMap& data,
                   const ShapeDataMap& shape_data, std::vector<onnx::TypeProto>& outputs) {
  if (node.input_size() < 2 || outputs.size() != 1) return;
  const auto type = types.find(node.input(0));
  auto target = target_of(node, data, shape_data);
  if (!target || type == types.end() || !type->second->tensor_type().has_shape()) return;
  const Dims& dims = type->second->tensor_type().shape().dim();
  std::vector<Dim> from(dims.begin(), dims.end());
  for (const auto& attribute : node.attribute())
    if (attribute.name() == "allowzero" && attribute.i() != 0) return;
  std::vector<Dim> used;
  std::vector<char> copied(from.size(), 0);
  for (std::size_t i = 0; i < target->size(); ++i) {
    Dim& dim = (*target)[i];
    if (is_number(dim) && dim.dim_value() == 0) {
      if (i >= from.size()) return;
      dim = from[i];
      copied[i] = 1;
    } else if (!is_rest(dim)) {
      used.push_back(dim);
    }
  }
  std::vector<Dim> left;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (!copied[i]) left.push_back(from[i]);
  auto& shape = *outputs[0].mutable_tensor_type()->mutable_shape();
  shape.clear_dim();
  for (Dim& dim : *target) *shape.add_dim() = is_rest(dim) ? rest_of(left, used) : dim;
}

}  // namespace isthmus
