#include "net/v2_tensor.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "open_inference.pb.h"

namespace isthmus {
namespace {

static_assert(std::endian::native == std::endian::little, "raw contents are little-endian");

constexpr std::pair<DType, std::string_view> kDatatypes[] = {
    {DType::kBool, "BOOL"},  {DType::kU8, "UINT8"},   {DType::kU16, "UINT16"},
    {DType::kU32, "UINT32"}, {DType::kU64, "UINT64"}, {DType::kI8, "INT8"},
    {DType::kI16, "INT16"},  {DType::kI32, "INT32"},  {DType::kI64, "INT64"},
    {DType::kF16, "FP16"},   {DType::kF32, "FP32"},   {DType::kF64, "FP64"},
    {DType::kBF16, "BF16"}};

template <typename T, typename Elements>
Tensor filled(const std::string& name, DType type, const Shape& shape, const Elements& elements) {
  if (element_count(shape) != elements.size())
    throw Error(ErrorKind::kInvalid, "tensor " + name + ": " + to_string(shape) + " of " +
                                         std::string(v2_datatype(type)) + " does not hold " +
                                         std::to_string(elements.size()) + " elements");
  Tensor tensor(type, shape);
  std::ranges::transform(elements, tensor.mutable_values<T>().begin(),
                         [](auto value) { return static_cast<T>(value); });
  return tensor;
}

}  // namespace

std::string_view v2_datatype(DType type) {
  for (const auto& [known, name] : kDatatypes)
    if (known == type) return name;
  throw Error(ErrorKind::kUnsupported,
              "the v2 protocol has no name for elements of type " + std::string(to_string(type)));
}

DType dtype_from_v2(std::string_view datatype) {
  for (const auto& [type, name] : kDatatypes)
    if (name == datatype) return type;
  throw Error(ErrorKind::kUnsupported, "no tensors of v2 datatype " + std::string(datatype) +
                                           " here: numbers and BOOL only");
}

Tensor tensor_from_contents(const std::string& name, DType type, const Shape& shape,
                            const inference::InferTensorContents& contents) {
  switch (type) {
    case DType::kBool: return filled<bool>(name, type, shape, contents.bool_contents());
    case DType::kI8: return filled<std::int8_t>(name, type, shape, contents.int_contents());
    case DType::kI16: return filled<std::int16_t>(name, type, shape, contents.int_contents());
    case DType::kI32: return filled<std::int32_t>(name, type, shape, contents.int_contents());
    case DType::kI64: return filled<std::int64_t>(name, type, shape, contents.int64_contents());
    case DType::kU8: return filled<std::uint8_t>(name, type, shape, contents.uint_contents());
    case DType::kU16: return filled<std::uint16_t>(name, type, shape, contents.uint_contents());
    case DType::kU32: return filled<std::uint32_t>(name, type, shape, contents.uint_contents());
    case DType::kU64: return filled<std::uint64_t>(name, type, shape, contents.uint64_contents());
    case DType::kF32: return filled<float>(name, type, shape, contents.fp32_contents());
    case DType::kF64: return filled<double>(name, type, shape, contents.fp64_contents());
    default:
      throw Error(ErrorKind::kUnsupported, "tensor " + name + ": elements of type " +
                                               std::string(to_string(type)) +
                                               " come in raw form only");
  }
}

Tensor tensor_from_raw(const std::string& name, DType type, Shape shape, std::string_view bytes,
                       std::shared_ptr<const void> owner) {
  const auto count = static_cast<std::size_t>(element_count(shape));
  if (byte_size(type) == 0 || bytes.size() % byte_size(type) != 0 ||
      bytes.size() / byte_size(type) != count)
    throw Error(ErrorKind::kInvalid, "tensor " + name + ": " + std::to_string(bytes.size()) +
                                         " bytes are not " + to_string(shape) + " of " +
                                         std::string(to_string(type)));
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % byte_size(type) != 0) {
    Tensor copy(type, std::move(shape));
    std::memcpy(copy.mutable_bytes().data(), bytes.data(), bytes.size());
    return copy;
  }
  return Tensor::adopt(type, std::move(shape), std::as_bytes(std::span(bytes.data(), bytes.size())),
                       std::move(owner));
}

}  // namespace isthmus
