#pragma once

// Private to graph/: arithmetic on small constants.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// Longer lists of axes and extents are no part of a real network.
inline constexpr std::int64_t kMaxEvaluatedRank = 64;

// NumPy's rule; nothing if the shapes do not fit.
std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b);
// Strides in elements that read an array of shape `from` as one of shape `to`.
Shape broadcast_strides(const Shape& from, const Shape& to);

// Exact between integers, rounded as in C++ to and from floats; an empty tensor for other types
// (16-bit floats) and for a float that does not fit the integer.
Tensor cast_tensor(const Tensor& tensor, DType to);

bool is_elementwise(const std::string& op);
// An empty tensor where there is no answer: other types than f32, i32, i64 and bool, integer
// overflow, division by 0.
Tensor evaluate_elementwise(const Node& node, const std::vector<const Tensor*>& inputs,
                            std::int64_t limit);

}  // namespace isthmus
