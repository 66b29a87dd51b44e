#pragma once

// Private to graph/: the value of a node whose inputs are constants.

#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace isthmus {

// The outputs of `node`, or nothing if this is not one of the operators below, an input is missing
// (null), the result would have more than `limit` elements or the node is wrong. Operators that
// only look at an array in another way (Identity, Reshape, Squeeze, Unsqueeze, Flatten, Constant)
// share its memory and have no limit.
//
// Moving: Gather, Slice, Concat, Transpose, Expand, Split, Where. Making: ConstantOfShape, Range,
// Cast. Elementwise with broadcast on f32, i32, i64 and bool: Add Sub Mul Div Mod Min Max, Equal
// Less Greater (OrEqual), And Or Xor Not, Neg Abs Floor Ceil; ReduceSum/Prod/Min/Max of integers
// over all axes.
std::vector<Tensor> evaluate_node(const Node& node, const std::vector<const Tensor*>& inputs,
                                  std::int64_t opset, std::int64_t limit);

// Shape and Size of a tensor of this value; nothing if an extent that they need is unknown.
std::vector<Tensor> evaluate_shape(const Node& node, const Value& input);

}  // namespace isthmus
