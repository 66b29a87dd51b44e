#pragma once

// Private to graph/: Reshape, where libonnx 1.12 gives up as soon as one extent is not a number.

#include <onnx/onnx_pb.h>

#include <vector>

#include "graph/infer_node.h"

namespace isthmus {

// Fills the shape of the output from the target, of which some extents may be symbols
// (`shape_data`): 0 copies an extent of the input, and -1 takes what is left of the input's extents
// once those that both sides share are gone, be they numbers or symbols. So batch x 512 x 1 x 1 to
// {-1, 512} is batch x 512.
void infer_reshape(const onnx::NodeProto& node, const TypeMap& types, const DataMap& data,
                   const ShapeDataMap& shape_data, std::vector<onnx::TypeProto>& outputs);

}  // namespace isthmus
