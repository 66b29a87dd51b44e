#include "core/tensor.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "core/block_pool.h"
#include "core/error.h"

namespace isthmus {
namespace {

struct TypeRow {
  DType type;
  std::size_t bytes;
  std::string_view name;
};

constexpr TypeRow kTypes[] = {
    {DType::kUndefined, 0, "undefined"},
    {DType::kF32, 4, "float32"},
    {DType::kU8, 1, "uint8"},
    {DType::kI8, 1, "int8"},
    {DType::kU16, 2, "uint16"},
    {DType::kI16, 2, "int16"},
    {DType::kI32, 4, "int32"},
    {DType::kI64, 8, "int64"},
    {DType::kString, 0, "string"},
    {DType::kBool, 1, "bool"},
    {DType::kF16, 2, "float16"},
    {DType::kF64, 8, "float64"},
    {DType::kU32, 4, "uint32"},
    {DType::kU64, 8, "uint64"},
    {DType::kBF16, 2, "bfloat16"},
};

const TypeRow& row_of(DType type) {
  for (const TypeRow& row : kTypes)
    if (row.type == type) return row;
  return kTypes[0];
}

}  // namespace

std::size_t byte_size(DType type) { return row_of(type).bytes; }

std::string_view to_string(DType type) { return row_of(type).name; }

DType dtype_from_string(std::string_view name) {
  for (const TypeRow& row : kTypes)
    if (row.name == name) return row.type;
  throw Error(ErrorKind::kInvalid, "unknown element type: " + std::string(name));
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0)
      throw Error(ErrorKind::kInvalid, "shape has an unknown extent: " + to_string(shape));
    if (__builtin_mul_overflow(count, extent, &count))
      throw Error(ErrorKind::kInvalid, "shape is too large: " + to_string(shape));
  }
  return count;
}

std::string to_string(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::int64_t extent : shape) {
    if (!text.empty()) text += 'x';
    text += extent < 0 ? std::string("?") : std::to_string(extent);
  }
  return text;
}

Tensor::Tensor(DType type, Shape shape)
    : type_(type), shape_(std::move(shape)), size_(element_count(shape_)), writable_(true) {
  if (byte_size(type) == 0)
    throw Error(ErrorKind::kInvalid,
                "a tensor cannot hold elements of type " + std::string(to_string(type)));
  if (size_ > std::numeric_limits<std::int64_t>::max() / 16)
    throw Error(ErrorKind::kInvalid, "shape is too large: " + to_string(shape_));
  byte_count_ = static_cast<std::size_t>(size_) * byte_size(type);
  const Block block = take_block(byte_count_);
  owner_ = std::shared_ptr<const void>(block.memory, [block](const void*) { give_block(block); });
  std::memset(block.memory, 0, byte_count_);
  data_ = block.memory;
}

Tensor Tensor::adopt(DType type, Shape shape, std::span<const std::byte> data,
                     std::shared_ptr<const void> owner) {
  Tensor result;
  result.type_ = type;
  result.size_ = element_count(shape);
  result.shape_ = std::move(shape);
  result.byte_count_ = data.size();
  if (byte_size(type) == 0 ||
      data.size() / byte_size(type) != static_cast<std::size_t>(result.size_) ||
      data.size() % byte_size(type) != 0)
    throw Error(ErrorKind::kInvalid, std::to_string(data.size()) + " bytes do not hold " +
                                         to_string(result.shape_) + " of " +
                                         std::string(to_string(type)));
  result.data_ = data.data();
  result.owner_ = std::move(owner);
  return result;
}

std::span<std::byte> Tensor::mutable_bytes() {
  assert(writable_);
  return {const_cast<std::byte*>(data_), byte_count_};
}

Tensor Tensor::reshaped(Shape shape) const {
  if (element_count(shape) != size_)
    throw Error(ErrorKind::kInvalid,
                "cannot reshape " + to_string(shape_) + " to " + to_string(shape));
  Tensor result = *this;
  result.shape_ = std::move(shape);
  return result;
}

Tensor Tensor::slice(std::size_t axis, std::int64_t begin, std::int64_t end) const {
  if (axis >= shape_.size() || begin < 0 || end < begin || end > shape_[axis])
    throw Error(ErrorKind::kInvalid, "there is no piece " + std::to_string(begin) + ':' +
                                         std::to_string(end) + " of axis " + std::to_string(axis) +
                                         " in " + to_string(shape_));
  Shape shape = shape_;
  shape[axis] = end - begin;
  const auto at = shape_.begin() + static_cast<std::ptrdiff_t>(axis);
  const auto rows = static_cast<std::size_t>(element_count(Shape(shape_.begin(), at)));
  const auto row =
      static_cast<std::size_t>(element_count(Shape(at, shape_.end()))) * byte_size(type_);
  const std::size_t step = shape_[axis] == 0 ? 0 : row / static_cast<std::size_t>(shape_[axis]);
  const std::size_t offset = static_cast<std::size_t>(begin) * step;
  const std::size_t length = static_cast<std::size_t>(end - begin) * step;
  if (rows == 1) return adopt(type_, std::move(shape), {data_ + offset, length}, owner_);
  Tensor result(type_, std::move(shape));
  std::byte* out = result.mutable_bytes().data();
  for (std::size_t i = 0; i < rows && length > 0; ++i)
    std::memcpy(out + i * length, data_ + i * row + offset, length);
  return result;
}

double max_relative_difference(const Tensor& a, const Tensor& b) {
  if (a.dtype() != DType::kF32 || b.dtype() != DType::kF32 || a.shape() != b.shape())
    throw Error(ErrorKind::kInvalid,
                "cannot compare " + std::string(to_string(a.dtype())) + ' ' + to_string(a.shape()) +
                    " with " + std::string(to_string(b.dtype())) + ' ' + to_string(b.shape()));
  const auto left = a.values<float>();
  const auto right = b.values<float>();
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (std::isnan(left[i]) || std::isnan(right[i])) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::abs(static_cast<double>(left[i])));
    difference = std::max(difference, std::abs(static_cast<double>(left[i]) - right[i]));
  }
  if (difference == 0) return 0;
  return largest > 0 ? difference / largest : std::numeric_limits<double>::infinity();
}

std::size_t argmax(std::span<const float> scores) {
  return static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
}

}  // namespace isthmus
