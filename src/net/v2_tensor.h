#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace inference {
class InferTensorContents;
}

namespace isthmus {

// Element types by their names in the Open Inference Protocol ("FP32", "UINT8", ...). Throws
// Error{kUnsupported} for a type that the other side does not have (BYTES, complex numbers).
std::string_view v2_datatype(DType type);
DType dtype_from_v2(std::string_view datatype);

// A tensor from elements that came one by one rather than raw. `name` stands for it in messages.
// Throws Error{kInvalid} where the number of elements, or the field they are in, does not fit type
// and shape, and Error{kUnsupported} for the types that the protocol has in raw form only (FP16,
// BF16).
Tensor tensor_from_contents(const std::string& name, DType type, const Shape& shape,
                            const inference::InferTensorContents& contents);

// A tensor over raw bytes that `owner` keeps alive; copied only where they do not lie as the type
// needs. Throws Error{kInvalid} where their number does not fit type and shape.
Tensor tensor_from_raw(const std::string& name, DType type, Shape shape, std::string_view bytes,
                       std::shared_ptr<const void> owner);

}  // namespace isthmus
