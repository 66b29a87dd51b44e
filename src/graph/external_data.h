#pragma once

// Private to graph/: tensors whose bytes lie in files beside the model (onnx.proto,
// "external_data").

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <map>
#include <string>

namespace isthmus {

// Reads external tensors of one model into the messages. A location must lie in the model's folder,
// links followed; each region must fill its tensor exactly, which is checked against the size of
// the file before memory is taken; and no more is read from one file than twice its size.
class ExternalData {
 public:
  // An empty folder means that there is none: any external tensor is refused.
  explicit ExternalData(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Every external tensor of the graph and of the graphs within. Throws Error{kInvalid, kNotFound}.
  void load(onnx::GraphProto* graph);
  void load(onnx::NodeProto* node);

 private:
  void load(onnx::AttributeProto* attribute, const std::string& what);
  void load(onnx::TensorProto* tensor, const std::string& what);
  std::filesystem::path locate(const std::string& location, const std::string& what) const;

  std::filesystem::path folder_;
  std::map<std::filesystem::path, std::uintmax_t> bytes_read_;
};

}  // namespace isthmus
