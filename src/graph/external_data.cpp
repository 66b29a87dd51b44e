#include "graph/external_data.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "core/error.h"
#include "graph/onnx_proto.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

std::uintmax_t number(const std::string& text, const std::string& what) {
  std::uintmax_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(ErrorKind::kInvalid, what + " is not a number: " + text);
  return value;
}

struct Region {
  std::string location;
  std::uintmax_t offset = 0;
  std::uintmax_t length = 0;
  bool has_length = false;
};

Region region_of(const onnx::TensorProto& tensor, const std::string& what) {
  Region region;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") region.location = entry.value();
    if (entry.key() == "offset") region.offset = number(entry.value(), what + ": offset");
    if (entry.key() == "length") {
      region.length = number(entry.value(), what + ": length");
      region.has_length = true;
    }
  }
  if (region.location.empty())
    throw Error(ErrorKind::kInvalid, what + " is external but names no file");
  return region;
}

bool is_inside(const fs::path& file, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first ==
         folder.end();
}

}  // namespace

fs::path ExternalData::locate(const std::string& location, const std::string& what) const {
  if (folder_.empty())
    throw Error(ErrorKind::kInvalid,
                what + " lies in another file, " + location + ": load the model from its folder");
  const auto outside = [&] {
    return Error(ErrorKind::kInvalid,
                 what + " must lie in the model's folder, which it leaves: " + location);
  };
  if (fs::path(location).is_absolute() || location.find('\0') != std::string::npos) throw outside();
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(folder_, error);
  if (error) throw Error(ErrorKind::kIo, folder_.string() + ": " + error.message());
  const fs::path file = fs::weakly_canonical(folder / location, error);
  if (error) throw Error(ErrorKind::kInvalid, what + ": " + location + ": " + error.message());
  if (!is_inside(file, folder)) throw outside();
  if (!fs::is_regular_file(file, error))
    throw Error(ErrorKind::kNotFound,
                what + " lies in a file that is missing: " + (folder_ / location).string());
  return file;
}

void ExternalData::load(onnx::TensorProto* tensor, const std::string& what) {
  if (tensor->data_location() != onnx::TensorProto::EXTERNAL) return;
  Region region = region_of(*tensor, what);
  const fs::path file = locate(region.location, what);
  std::error_code error;
  const std::uintmax_t file_size = fs::file_size(file, error);
  if (error) throw Error(ErrorKind::kIo, file.string() + ": " + error.message());
  if (is_tensor_type(tensor->data_type())) {
    const auto type = static_cast<DType>(tensor->data_type());
    const Shape shape(tensor->dims().begin(), tensor->dims().end());
    const auto count = static_cast<std::uintmax_t>(element_count(shape));
    if (count > file_size)
      throw Error(ErrorKind::kInvalid, what + ": " + to_string(shape) + " does not fit in " +
                                           region.location + " of " + std::to_string(file_size) +
                                           " bytes");
    if (!region.has_length) region.length = count * byte_size(type);
  } else if (!region.has_length && region.offset < file_size) {
    region.length = file_size - region.offset;
  }
  if (region.offset > file_size || region.length > file_size - region.offset)
    throw Error(ErrorKind::kInvalid, what + ": bytes " + std::to_string(region.offset) + " + " +
                                         std::to_string(region.length) + " are past the end of " +
                                         region.location + " (" + std::to_string(file_size) +
                                         " bytes)");
  std::uintmax_t& read = bytes_read_[file];
  read += region.length;
  if (read > 2 * file_size)
    throw Error(ErrorKind::kInvalid, "tensors overlap too often in " + region.location);
  std::string& raw = *tensor->mutable_raw_data();
  raw.resize(region.length);
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(region.offset));
  if (!stream.read(raw.data(), static_cast<std::streamsize>(raw.size())))
    throw Error(ErrorKind::kIo, "cannot read " + file.string());
  tensor->clear_external_data();
  tensor->clear_data_location();
}

void ExternalData::load(onnx::AttributeProto* attribute, const std::string& what) {
  if (attribute->has_t()) load(attribute->mutable_t(), what);
  for (auto& tensor : *attribute->mutable_tensors()) load(&tensor, what);
  if (attribute->has_g()) load(attribute->mutable_g());
  for (auto& graph : *attribute->mutable_graphs()) load(&graph);
}

void ExternalData::load(onnx::NodeProto* node) {
  for (auto& attribute : *node->mutable_attribute())
    load(&attribute, "node " + node->name() + ": attribute " + attribute.name());
}

void ExternalData::load(onnx::GraphProto* graph) {
  for (auto& tensor : *graph->mutable_initializer()) load(&tensor, "initializer " + tensor.name());
  for (auto& sparse : *graph->mutable_sparse_initializer()) {
    if (sparse.has_values()) load(sparse.mutable_values(), "a sparse initializer");
    if (sparse.has_indices()) load(sparse.mutable_indices(), "a sparse initializer");
  }
  for (auto& node : *graph->mutable_node()) load(&node);
}

}  // namespace isthmus
