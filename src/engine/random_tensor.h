#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace isthmus {

// Seeded values to try a network with: standard normal for floating-point types, the whole range
// for uint8, and 0 or 1 for every other type (valid as flags, indices and small counts).
Tensor random_tensor(DType dtype, const Shape& shape, std::uint64_t seed);

}  // namespace isthmus
