#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace isthmus {

// Element types of ONNX (values as in onnx.TensorProto.DataType), less strings and complex numbers.
enum class DType : std::uint8_t {
  kUndefined = 0,
  kF32 = 1,
  kU8 = 2,
  kI8 = 3,
  kU16 = 4,
  kI16 = 5,
  kI32 = 6,
  kI64 = 7,
  kString = 8,  // Only as the type of a graph value; a Tensor never holds strings.
  kBool = 9,
  kF16 = 10,
  kF64 = 11,
  kU32 = 12,
  kU64 = 13,
  kBF16 = 16,
};

// Bytes of one element; 0 for kUndefined and kString.
std::size_t byte_size(DType type);
// ONNX's short names: "float32", "uint8", ...; "undefined" for what is not known.
std::string_view to_string(DType type);
// The inverse of to_string. Throws Error{kInvalid} for an unknown name.
DType dtype_from_string(std::string_view name);

// Extents of a tensor. In a Tensor all are >= 0; in a graph value -1 stands for an unknown extent.
using Shape = std::vector<std::int64_t>;

// Product of the extents; 1 for a scalar. Throws Error{kInvalid} if an extent is negative or the
// product does not fit in 63 bits.
std::int64_t element_count(const Shape& shape);
// "1x3x224x224", "scalar" for {}; unknown extents as "?".
std::string to_string(const Shape& shape);

// A dense row-major array that owns, or shares, its memory.
//
// Copying is cheap and shares the bytes, which are read-only once a tensor has been shared; that
// is how a tensor crosses threads, and how a network buffer or an output of the inference engine
// becomes a tensor without a copy (`adopt`).
class Tensor {
 public:
  Tensor() = default;

  // New memory, zeroed, 64-byte aligned. Throws Error{kInvalid} for an impossible shape.
  Tensor(DType type, Shape shape);

  // A tensor over memory that belongs to `owner` (which is kept alive). `data` must hold
  // exactly element_count(shape) elements of `type`; throws Error{kInvalid} otherwise.
  static Tensor adopt(DType type, Shape shape, std::span<const std::byte> data,
                      std::shared_ptr<const void> owner);

  template <typename T>
  static Tensor of(Shape shape, std::span<const T> values);
  template <typename T>
  static Tensor of(Shape shape, const std::vector<T>& values) {
    return of<T>(std::move(shape), std::span<const T>(values));
  }
  template <typename T>
  static Tensor scalar(T value) {
    return of<T>({}, std::span<const T>(&value, 1));
  }

  DType dtype() const { return type_; }
  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return size_; }
  bool empty() const { return type_ == DType::kUndefined; }
  std::span<const std::byte> bytes() const { return {data_, byte_count_}; }

  // Only for a tensor that was made by the first constructor and not shared yet.
  std::span<std::byte> mutable_bytes();

  // T must be the element type (float, std::uint8_t, std::int64_t, ...; std::uint16_t for f16).
  template <typename T>
  std::span<const T> values() const;
  template <typename T>
  std::span<T> mutable_values();

  // The same elements under another shape of equal size. Throws Error{kInvalid} otherwise.
  Tensor reshaped(Shape shape) const;

  // Elements [begin, end) of one axis; of the first axis without a copy. Throws Error{kInvalid} for
  // an axis or a range that is not there.
  Tensor slice(std::size_t axis, std::int64_t begin, std::int64_t end) const;

 private:
  DType type_ = DType::kUndefined;
  Shape shape_;
  std::int64_t size_ = 0;
  const std::byte* data_ = nullptr;
  std::size_t byte_count_ = 0;
  std::shared_ptr<const void> owner_;
  bool writable_ = false;
};

template <typename T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::kF32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::kF64;
}
template <>
constexpr DType dtype_of<std::uint8_t>() {
  return DType::kU8;
}
template <>
constexpr DType dtype_of<std::int8_t>() {
  return DType::kI8;
}
template <>
constexpr DType dtype_of<std::int16_t>() {
  return DType::kI16;
}
template <>
constexpr DType dtype_of<std::uint16_t>() {
  return DType::kU16;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::kI32;
}
template <>
constexpr DType dtype_of<std::uint32_t>() {
  return DType::kU32;
}
template <>
constexpr DType dtype_of<std::int64_t>() {
  return DType::kI64;
}
template <>
constexpr DType dtype_of<std::uint64_t>() {
  return DType::kU64;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::kBool;
}

template <typename T>
std::span<const T> Tensor::values() const {
  assert(sizeof(T) == byte_size(type_));
  return {reinterpret_cast<const T*>(data_), static_cast<std::size_t>(size_)};
}

template <typename T>
std::span<T> Tensor::mutable_values() {
  assert(sizeof(T) == byte_size(type_));
  const auto bytes = mutable_bytes();
  return {reinterpret_cast<T*>(bytes.data()), static_cast<std::size_t>(size_)};
}

template <typename T>
Tensor Tensor::of(Shape shape, std::span<const T> values) {
  Tensor result(dtype_of<T>(), std::move(shape));
  assert(static_cast<std::size_t>(result.size()) == values.size());
  std::copy(values.begin(), values.end(), result.mutable_values<T>().begin());
  return result;
}

// max|a-b| / max|a|, the measure of "equal within 1e-4" (architecture, "Behaviour that is
// decided"). Both f32 of equal shape, else Error{kInvalid}. 0 where both are all zero; infinity for
// a NaN.
double max_relative_difference(const Tensor& a, const Tensor& b);

// Index of the largest of a row of f32 scores, the first of equals.
std::size_t argmax(std::span<const float> scores);

}  // namespace isthmus
