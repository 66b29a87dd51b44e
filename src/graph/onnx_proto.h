#pragma once

// Private to graph/: between this program's values and the messages of onnx.proto.

#include <onnx/onnx_pb.h>

#include <string>

#include "graph/graph.h"

namespace isthmus {

// True for the element types that a Tensor holds.
bool is_tensor_type(std::int32_t data_type);

// Takes the data out of `proto`. `what` names the tensor in messages. Throws Error{kInvalid} if the
// data does not fill the extents; memory is taken only after that check.
Tensor tensor_from_proto(onnx::TensorProto&& proto, const std::string& what);
// Type, extents and raw data.
void tensor_to_proto(const Tensor& tensor, onnx::TensorProto* proto);

Initializer initializer_from_proto(onnx::TensorProto&& proto);
// All but the raw data of an ordinary tensor, which the caller writes behind it.
onnx::TensorProto initializer_header(const std::string& name, const Initializer& initializer);

// Takes the attributes out of `proto`. Throws Error{kInvalid} for an attribute that is given twice.
Node node_from_proto(onnx::NodeProto&& proto);
onnx::NodeProto node_to_proto(const Node& node);

Value value_from_proto(const onnx::ValueInfoProto& proto);
onnx::ValueInfoProto value_to_proto(const std::string& name, const Value& value);
Value value_from_type(const onnx::TypeProto& type);

std::string serialized(const google::protobuf::MessageLite& message);
// "" is the standard domain.
std::string plain_domain(const std::string& domain);

}  // namespace isthmus
