#include "graph/onnx_proto.h"

namespace isthmus {
namespace {

// Clears what a Value holds itself; true if anything is left.
bool strip(onnx::ValueInfoProto& proto) {
  proto.clear_name();
  if (proto.type().has_tensor_type()) {
    auto& tensor = *proto.mutable_type()->mutable_tensor_type();
    const std::int32_t type = tensor.elem_type();
    if (is_tensor_type(type) || type == onnx::TensorProto::STRING) tensor.clear_elem_type();
    bool denotations = false;
    for (auto& dim : *tensor.mutable_shape()->mutable_dim()) {
      dim.clear_value();
      denotations |= dim.has_denotation();
    }
    if (!denotations) tensor.clear_shape();
    if (tensor.ByteSizeLong() == 0) proto.mutable_type()->clear_tensor_type();
    if (proto.type().ByteSizeLong() == 0) proto.clear_type();
  }
  return proto.ByteSizeLong() > 0;
}

}  // namespace

Value value_from_type(const onnx::TypeProto& type) {
  Value value;
  if (!type.has_tensor_type()) return value;
  const auto& tensor = type.tensor_type();
  if (is_tensor_type(tensor.elem_type()) || tensor.elem_type() == onnx::TensorProto::STRING)
    value.dtype = static_cast<DType>(tensor.elem_type());
  value.has_shape = tensor.has_shape();
  for (int i = 0; i < tensor.shape().dim_size(); ++i) {
    const auto& dim = tensor.shape().dim(i);
    const bool known = dim.has_dim_value() && dim.dim_value() >= 0;
    value.shape.push_back(known ? dim.dim_value() : -1);
    if (dim.dim_param().empty()) continue;
    value.symbols.resize(static_cast<std::size_t>(tensor.shape().dim_size()));
    value.symbols[static_cast<std::size_t>(i)] = dim.dim_param();
  }
  return value;
}

Value value_from_proto(const onnx::ValueInfoProto& proto) {
  Value value = value_from_type(proto.type());
  onnx::ValueInfoProto rest = proto;
  if (strip(rest)) value.rest = serialized(rest);
  return value;
}

onnx::ValueInfoProto value_to_proto(const std::string& name, const Value& value) {
  onnx::ValueInfoProto proto;
  if (!value.rest.empty()) proto.ParseFromString(value.rest);
  proto.set_name(name);
  if (value.dtype != DType::kUndefined)
    proto.mutable_type()->mutable_tensor_type()->set_elem_type(
        static_cast<std::int32_t>(value.dtype));
  if (!value.has_shape) return proto;
  auto& shape = *proto.mutable_type()->mutable_tensor_type()->mutable_shape();
  if (shape.dim_size() > static_cast<int>(value.shape.size())) shape.clear_dim();
  for (std::size_t i = 0; i < value.shape.size(); ++i) {
    auto& dim = static_cast<int>(i) < shape.dim_size() ? *shape.mutable_dim(static_cast<int>(i))
                                                       : *shape.add_dim();
    if (value.shape[i] >= 0)
      dim.set_dim_value(value.shape[i]);
    else if (i < value.symbols.size() && !value.symbols[i].empty())
      dim.set_dim_param(value.symbols[i]);
  }
  return proto;
}

}  // namespace isthmus
