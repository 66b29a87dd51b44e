#include "train/torch_tensor.h"

#include <cstring>

#include "core/error.h"

namespace isthmus {

torch::ScalarType torch_type(DType type) {
  switch (type) {
    case DType::kF32: return torch::kFloat32;
    case DType::kF64: return torch::kFloat64;
    case DType::kF16: return torch::kFloat16;
    case DType::kBF16: return torch::kBFloat16;
    case DType::kU8: return torch::kUInt8;
    case DType::kI8: return torch::kInt8;
    case DType::kI16: return torch::kInt16;
    case DType::kI32: return torch::kInt32;
    case DType::kI64: return torch::kInt64;
    case DType::kBool: return torch::kBool;
    default:
      throw Error(ErrorKind::kUnsupported,
                  "libtorch does not compute with " + std::string(to_string(type)));
  }
}

DType dtype_from_torch(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32: return DType::kF32;
    case torch::kFloat64: return DType::kF64;
    case torch::kFloat16: return DType::kF16;
    case torch::kBFloat16: return DType::kBF16;
    case torch::kUInt8: return DType::kU8;
    case torch::kInt8: return DType::kI8;
    case torch::kInt16: return DType::kI16;
    case torch::kInt32: return DType::kI32;
    case torch::kInt64: return DType::kI64;
    case torch::kBool: return DType::kBool;
    default:
      throw Error(ErrorKind::kUnsupported,
                  "ONNX has no tensors of libtorch's " + std::string(c10::toString(type)));
  }
}

torch::Tensor to_torch(const Tensor& tensor) {
  torch::Tensor copy = at::empty(tensor.shape(), torch_type(tensor.dtype()));
  if (!tensor.bytes().empty())
    std::memcpy(copy.data_ptr(), tensor.bytes().data(), tensor.bytes().size());
  return copy;
}

Tensor from_torch(const torch::Tensor& tensor) {
  const torch::Tensor plain = tensor.detach().cpu().contiguous();
  Tensor copy(dtype_from_torch(plain.scalar_type()),
              Shape(plain.sizes().begin(), plain.sizes().end()));
  const auto bytes = copy.mutable_bytes();
  if (!bytes.empty()) std::memcpy(bytes.data(), plain.data_ptr(), bytes.size());
  return copy;
}

}  // namespace isthmus
