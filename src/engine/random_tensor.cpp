#include "engine/random_tensor.h"

#include <bit>
#include <cmath>

#include "core/rng.h"

namespace isthmus {
namespace {

// Nearest binary16 of a number of ordinary size (|x| < 65504); subnormal results become 0.
std::uint16_t to_f16(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  const std::uint32_t sign = (bits >> 16) & 0x8000;
  const int exponent = static_cast<int>((bits >> 23) & 255) - 127 + 15;
  if (exponent <= 0) return static_cast<std::uint16_t>(sign);
  const std::uint32_t rounded =
      (static_cast<std::uint32_t>(exponent) << 10) + (((bits & 0x7FFFFF) + 0x1000) >> 13);
  return static_cast<std::uint16_t>(sign | rounded);
}

std::uint16_t to_bf16(double value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16);
}

template <typename T, typename Draw>
Tensor filled(DType dtype, const Shape& shape, Draw draw) {
  Tensor tensor(dtype, shape);
  for (T& value : tensor.mutable_values<T>()) value = static_cast<T>(draw());
  return tensor;
}

}  // namespace

Tensor random_tensor(DType dtype, const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  const auto normal = [&] { return rng.normal(); };
  const auto bit = [&] { return rng.below(2); };
  switch (dtype) {
    case DType::kF32: return filled<float>(dtype, shape, normal);
    case DType::kF64: return filled<double>(dtype, shape, normal);
    case DType::kF16: return filled<std::uint16_t>(dtype, shape, [&] { return to_f16(normal()); });
    case DType::kBF16:
      return filled<std::uint16_t>(dtype, shape, [&] { return to_bf16(normal()); });
    case DType::kU8: return filled<std::uint8_t>(dtype, shape, [&] { return rng.below(256); });
    default: break;
  }
  switch (byte_size(dtype)) {
    case 1: return filled<std::uint8_t>(dtype, shape, bit);
    case 2: return filled<std::uint16_t>(dtype, shape, bit);
    case 4: return filled<std::uint32_t>(dtype, shape, bit);
    default: return filled<std::uint64_t>(dtype, shape, bit);
  }
}

}  // namespace isthmus
