#pragma once

// Private to graph/: libonnx's inference for one node, kept away from what would crash it.

#include <onnx/defs/schema.h>
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace isthmus {

using TypeMap = std::unordered_map<std::string, onnx::TypeProto*>;
using DataMap = std::unordered_map<std::string, const onnx::TensorProto*>;
using ShapeDataMap = std::unordered_map<std::string, onnx::TensorShapeProto>;

class NodeInference {
 public:
  // `functions` are the model's own (ModelProto.functions); kept.
  NodeInference(const std::map<std::string, std::int64_t>& opsets,
                std::vector<onnx::FunctionProto> functions);

  // Types of the outputs, as far as libonnx can tell from the types and small data of the inputs
  // and from the partly known shape data that earlier nodes made; the node's own is added to it.
  // One entry per output, or none. libonnx trusts its input: nodes that break their schema are left
  // unknown.
  std::vector<onnx::TypeProto> infer(onnx::NodeProto node, const TypeMap& types,
                                     const DataMap& data, ShapeDataMap& shape_data) const;

 private:
  bool is_safe(const onnx::NodeProto& node) const;
  bool is_safe(const onnx::GraphProto& graph) const;
  std::size_t function_size(const onnx::FunctionProto& function, std::size_t depth) const;
  const onnx::OpSchema* schema_of(const onnx::NodeProto& node) const;
  const onnx::FunctionProto* function_of(const onnx::NodeProto& node) const;

  std::unordered_map<std::string, int> opsets_;
  std::vector<onnx::FunctionProto> functions_;
  std::unordered_map<std::string, const onnx::FunctionProto*> function_map_;
};

}  // namespace isthmus
