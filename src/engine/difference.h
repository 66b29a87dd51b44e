#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace isthmus {

// max|a-b| / max|a| for any element type: floating-point ones by value (f16 and bf16 widened), all
// others too. Infinity where types or shapes differ, or a value is NaN in one of them only; 0 where
// both are empty or all zero.
double tensor_difference(const Tensor& a, const Tensor& b);

// The elements as doubles. For tests, comparisons and messages; not for the hot path.
std::vector<double> as_doubles(const Tensor& tensor);

// Rows `from` to `to` (not included) of the first extent, over the same memory.
Tensor rows(const Tensor& tensor, std::int64_t from, std::int64_t to);
// One after the other along the first extent: equal types and other extents, at least one.
Tensor stack_rows(std::span<const Tensor> tensors);

}  // namespace isthmus
