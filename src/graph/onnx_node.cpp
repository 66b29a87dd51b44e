#include "core/error.h"
#include "graph/onnx_proto.h"

namespace isthmus {
namespace {

using Proto = onnx::AttributeProto;

// Files of IR 1 and 2 do not say which field of an attribute counts.
Proto::AttributeType type_of(const Proto& proto) {
  if (proto.type() != Proto::UNDEFINED) return proto.type();
  if (proto.has_f()) return Proto::FLOAT;
  if (proto.has_i()) return Proto::INT;
  if (proto.has_s()) return Proto::STRING;
  if (proto.has_t()) return Proto::TENSOR;
  if (proto.floats_size() > 0) return Proto::FLOATS;
  if (proto.ints_size() > 0) return Proto::INTS;
  if (proto.strings_size() > 0) return Proto::STRINGS;
  return Proto::UNDEFINED;
}

// Takes the value out of `proto`, so that what is left in it is what Attribute cannot hold.
Attribute attribute_from_proto(Proto& proto, const std::string& what) {
  const Proto::AttributeType type = type_of(proto);
  const bool opaque_tensor =
      type == Proto::TENSOR && (!is_tensor_type(proto.t().data_type()) || proto.t().has_segment());
  Attribute result;
  if (proto.has_ref_attr_name() || opaque_tensor) {
    result = OpaqueAttribute{serialized(proto)};
    proto.Clear();
    return result;
  }
  switch (type) {
    case Proto::FLOAT: result = proto.f(); break;
    case Proto::INT: result = static_cast<std::int64_t>(proto.i()); break;
    case Proto::STRING: result = proto.s(); break;
    case Proto::FLOATS:
      result = std::vector<float>(proto.floats().begin(), proto.floats().end());
      break;
    case Proto::INTS:
      result = std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
      break;
    case Proto::STRINGS:
      result = std::vector<std::string>(proto.strings().begin(), proto.strings().end());
      break;
    case Proto::TENSOR: result = tensor_from_proto(std::move(*proto.mutable_t()), what); break;
    default:
      result = OpaqueAttribute{serialized(proto)};
      proto.Clear();
      return result;
  }
  proto.clear_f();
  proto.clear_i();
  proto.clear_s();
  proto.clear_t();
  proto.clear_floats();
  proto.clear_ints();
  proto.clear_strings();
  proto.clear_type();
  return result;
}

struct AttributeWriter {
  Proto& proto;

  void operator()(std::int64_t value) {
    proto.set_type(Proto::INT);
    proto.set_i(value);
  }
  void operator()(float value) {
    proto.set_type(Proto::FLOAT);
    proto.set_f(value);
  }
  void operator()(const std::string& value) {
    proto.set_type(Proto::STRING);
    proto.set_s(value);
  }
  void operator()(const std::vector<std::int64_t>& values) {
    proto.set_type(Proto::INTS);
    for (const std::int64_t value : values) proto.add_ints(value);
  }
  void operator()(const std::vector<float>& values) {
    proto.set_type(Proto::FLOATS);
    for (const float value : values) proto.add_floats(value);
  }
  void operator()(const std::vector<std::string>& values) {
    proto.set_type(Proto::STRINGS);
    for (const std::string& value : values) proto.add_strings(value);
  }
  void operator()(const Tensor& value) {
    proto.set_type(Proto::TENSOR);
    tensor_to_proto(value, proto.mutable_t());
  }
  void operator()(const OpaqueAttribute& value) { proto.ParseFromString(value.proto); }
};

}  // namespace

Node node_from_proto(onnx::NodeProto&& proto) {
  Node node;
  node.name = proto.name();
  node.op = proto.op_type();
  node.domain = plain_domain(proto.domain());
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  onnx::NodeProto rest;
  for (Proto& attribute : *proto.mutable_attribute()) {
    const std::string key = attribute.name();
    const std::string what = "node " + node.name + " (" + node.op + "): attribute " + key;
    const bool added = node.attributes.emplace(key, attribute_from_proto(attribute, what)).second;
    if (!added) throw Error(ErrorKind::kInvalid, what + " is given twice");
    attribute.clear_name();
    if (attribute.ByteSizeLong() == 0) continue;
    attribute.set_name(key);
    *rest.add_attribute() = attribute;
  }
  proto.clear_name();
  proto.clear_op_type();
  proto.clear_domain();
  proto.clear_input();
  proto.clear_output();
  proto.clear_attribute();
  rest.MergeFrom(proto);
  node.rest = serialized(rest);
  return node;
}

onnx::NodeProto node_to_proto(const Node& node) {
  onnx::NodeProto proto;
  std::map<std::string, Proto> rests;
  if (!node.rest.empty()) {
    proto.ParseFromString(node.rest);
    for (const Proto& attribute : proto.attribute()) rests[attribute.name()] = attribute;
    proto.clear_attribute();
  }
  for (const std::string& input : node.inputs) proto.add_input(input);
  for (const std::string& output : node.outputs) proto.add_output(output);
  if (!node.name.empty()) proto.set_name(node.name);
  proto.set_op_type(node.op);
  if (!node.domain.empty()) proto.set_domain(node.domain);
  for (const auto& [key, value] : node.attributes) {
    Proto& attribute = *proto.add_attribute();
    if (const auto rest = rests.find(key); rest != rests.end()) attribute = rest->second;
    attribute.set_name(key);
    std::visit(AttributeWriter{attribute}, value);
  }
  return proto;
}

}  // namespace isthmus
