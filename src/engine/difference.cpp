#include "engine/difference.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

namespace isthmus {
namespace {

// IEEE 754 binary16.
double from_f16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  double value = 0;
  if (exponent == 31)
    value = mantissa ? std::numeric_limits<double>::quiet_NaN()
                     : std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    value = std::ldexp(mantissa, -24);
  else
    value = std::ldexp(mantissa + 1024, exponent - 25);
  return bits >> 15 ? -value : value;
}

double from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

template <typename T, typename Convert>
std::vector<double> converted(const Tensor& tensor, Convert convert) {
  std::vector<double> result(static_cast<std::size_t>(tensor.size()));
  std::ranges::transform(tensor.values<T>(), result.begin(), convert);
  return result;
}

template <typename T>
std::vector<double> converted(const Tensor& tensor) {
  return converted<T>(tensor, [](T value) { return static_cast<double>(value); });
}

}  // namespace

std::vector<double> as_doubles(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kF32: return converted<float>(tensor);
    case DType::kF64: return converted<double>(tensor);
    case DType::kU8:
    case DType::kBool: return converted<std::uint8_t>(tensor);
    case DType::kI8: return converted<std::int8_t>(tensor);
    case DType::kU16: return converted<std::uint16_t>(tensor);
    case DType::kI16: return converted<std::int16_t>(tensor);
    case DType::kU32: return converted<std::uint32_t>(tensor);
    case DType::kI32: return converted<std::int32_t>(tensor);
    case DType::kU64: return converted<std::uint64_t>(tensor);
    case DType::kI64: return converted<std::int64_t>(tensor);
    case DType::kF16: return converted<std::uint16_t>(tensor, from_f16);
    case DType::kBF16: return converted<std::uint16_t>(tensor, from_bf16);
    case DType::kUndefined:
    case DType::kString: break;
  }
  return {};
}

double tensor_difference(const Tensor& a, const Tensor& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return kInfinity;
  // Equal bits are equal, NaN included; the common case of an exact cut.
  if (std::ranges::equal(a.bytes(), b.bytes())) return 0;
  const std::vector<double> left = as_doubles(a);
  const std::vector<double> right = as_doubles(b);
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i] == right[i] || (std::isnan(left[i]) && std::isnan(right[i]))) {
      if (std::isfinite(left[i])) largest = std::max(largest, std::abs(left[i]));
      continue;
    }
    if (!std::isfinite(left[i]) || !std::isfinite(right[i])) return kInfinity;
    largest = std::max(largest, std::abs(left[i]));
    difference = std::max(difference, std::abs(left[i] - right[i]));
  }
  if (difference == 0) return 0;
  return largest > 0 ? difference / largest : kInfinity;
}

Tensor rows(const Tensor& tensor, std::int64_t from, std::int64_t to) {
  assert(!tensor.shape().empty() && 0 <= from && from <= to && to <= tensor.shape()[0]);
  Shape shape = tensor.shape();
  const std::size_t row = shape[0] ? tensor.bytes().size() / static_cast<std::size_t>(shape[0]) : 0;
  shape[0] = to - from;
  const auto bytes = tensor.bytes().subspan(row * static_cast<std::size_t>(from),
                                            row * static_cast<std::size_t>(to - from));
  return Tensor::adopt(tensor.dtype(), std::move(shape), bytes, std::make_shared<Tensor>(tensor));
}

Tensor stack_rows(std::span<const Tensor> tensors) {
  assert(!tensors.empty());
  Shape shape = tensors[0].shape();
  shape[0] = 0;
  for (const Tensor& tensor : tensors) shape[0] += tensor.shape()[0];
  Tensor result(tensors[0].dtype(), std::move(shape));
  auto out = result.mutable_bytes().begin();
  for (const Tensor& tensor : tensors) out = std::ranges::copy(tensor.bytes(), out).out;
  return result;
}

}  // namespace isthmus
