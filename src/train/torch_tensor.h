#pragma once

#include <torch/types.h>

#include "core/tensor.h"

namespace isthmus {

// libtorch's name of an element type. Throws Error{kUnsupported} for what libtorch cannot compute
// with (uint16, uint32, uint64, strings).
torch::ScalarType torch_type(DType type);
// The inverse. Throws Error{kUnsupported} for a type that ONNX does not have.
DType dtype_from_torch(torch::ScalarType type);

// A copy on the CPU, in row-major order; torch_type's errors pass through.
torch::Tensor to_torch(const Tensor& tensor);
// A copy in row-major order, from any device.
Tensor from_torch(const torch::Tensor& tensor);

}  // namespace isthmus
