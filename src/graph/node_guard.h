#pragma once

// Private to graph/: keeps from libonnx's inference what it would crash on. It takes for granted
// that extents are sensible and attributes fit them; files of strangers need not. (Found by fuzzing
// libonnx 1.12.)

#include <onnx/onnx_pb.h>

#include "graph/infer_node.h"

namespace isthmus {

// Whether the attributes are within what libonnx can compute with.
bool attributes_are_safe(const onnx::NodeProto& node);

// Whether the inputs have the ranks and lengths that libonnx reads without looking.
bool ranks_are_safe(const onnx::NodeProto& node, const TypeMap& types);

// Whether `ranks_are_safe` looks at more than the attributes of this node: a node within a body,
// the types of whose inputs are not known beforehand, is left alone then.
bool needs_ranks(const onnx::NodeProto& node);

}  // namespace isthmus
