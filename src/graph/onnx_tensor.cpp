#include <cstring>
#include <memory>

#include "core/error.h"
#include "graph/onnx_proto.h"

namespace isthmus {
namespace {

// The elements of a typed list of the message, each narrowed to T (f16 and the small integers
// travel in int32_data).
template <typename T, typename List>
Tensor from_list(DType type, const Shape& shape, const List& list, const std::string& what) {
  if (element_count(shape) != list.size())
    throw Error(ErrorKind::kInvalid, what + ": " + std::to_string(list.size()) +
                                         " elements do not fill the shape " + to_string(shape));
  Tensor tensor(type, shape);
  auto out = reinterpret_cast<T*>(tensor.mutable_bytes().data());
  for (const auto value : list) *out++ = static_cast<T>(value);
  return tensor;
}

Tensor from_lists(const onnx::TensorProto& p, DType type, const Shape& shape,
                  const std::string& what) {
  switch (type) {
    case DType::kF32: return from_list<float>(type, shape, p.float_data(), what);
    case DType::kF64: return from_list<double>(type, shape, p.double_data(), what);
    case DType::kI64: return from_list<std::int64_t>(type, shape, p.int64_data(), what);
    case DType::kU64: return from_list<std::uint64_t>(type, shape, p.uint64_data(), what);
    case DType::kU32: return from_list<std::uint32_t>(type, shape, p.uint64_data(), what);
    case DType::kI32: return from_list<std::int32_t>(type, shape, p.int32_data(), what);
    case DType::kI16:
    case DType::kU16:
    case DType::kF16:
    case DType::kBF16: return from_list<std::uint16_t>(type, shape, p.int32_data(), what);
    default: return from_list<std::uint8_t>(type, shape, p.int32_data(), what);
  }
}

}  // namespace

bool is_tensor_type(std::int32_t data_type) {
  if (data_type < 0 || data_type > 16) return false;
  return byte_size(static_cast<DType>(data_type)) > 0;
}

Tensor tensor_from_proto(onnx::TensorProto&& proto, const std::string& what) {
  const auto type = static_cast<DType>(proto.data_type());
  Shape shape(proto.dims().begin(), proto.dims().end());
  for (const std::int64_t extent : shape)
    if (extent < 0)
      throw Error(ErrorKind::kInvalid, what + ": extent is negative: " + std::to_string(extent));
  try {
    if (!proto.has_raw_data()) return from_lists(proto, type, shape, what);
    auto data = std::make_shared<std::string>();
    data->swap(*proto.mutable_raw_data());
    const auto bytes = std::as_bytes(std::span(*data));
    return Tensor::adopt(type, std::move(shape), bytes, std::move(data));
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.starts_with(what)) throw;
    throw Error(error.kind(), what + ": " + text);
  }
}

void tensor_to_proto(const Tensor& tensor, onnx::TensorProto* proto) {
  proto->set_data_type(static_cast<std::int32_t>(tensor.dtype()));
  proto->clear_dims();
  for (const std::int64_t extent : tensor.shape()) proto->add_dims(extent);
  proto->set_raw_data(tensor.bytes().data(), tensor.bytes().size());
}

Initializer initializer_from_proto(onnx::TensorProto&& proto) {
  const std::string name = proto.name();
  if (!is_tensor_type(proto.data_type()) || proto.has_segment())
    return {.tensor = {}, .opaque = serialized(proto)};
  Initializer result{.tensor = tensor_from_proto(std::move(proto), "initializer " + name)};
  // What the tensor took is gone or cleared; the rest stays.  NOLINTBEGIN(bugprone-use-after-move)
  proto.clear_name();
  proto.clear_dims();
  proto.clear_data_type();
  proto.clear_raw_data();
  proto.clear_float_data();
  proto.clear_double_data();
  proto.clear_int32_data();
  proto.clear_int64_data();
  proto.clear_uint64_data();
  proto.clear_string_data();
  proto.clear_data_location();
  result.rest = serialized(proto);  // NOLINTEND(bugprone-use-after-move)
  return result;
}

onnx::TensorProto initializer_header(const std::string& name, const Initializer& initializer) {
  onnx::TensorProto proto;
  if (!initializer.opaque.empty()) {
    proto.ParseFromString(initializer.opaque);
    proto.set_name(name);
    return proto;
  }
  proto.ParseFromString(initializer.rest);
  proto.set_name(name);
  proto.set_data_type(static_cast<std::int32_t>(initializer.tensor.dtype()));
  for (const std::int64_t extent : initializer.tensor.shape()) proto.add_dims(extent);
  return proto;
}

std::string serialized(const google::protobuf::MessageLite& message) {
  return message.SerializeAsString();
}

std::string plain_domain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

}  // namespace isthmus
