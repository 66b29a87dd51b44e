#include <google/protobuf/io/coded_stream.h>

#include <array>
#include <cstdint>
#include <fstream>

#include "core/error.h"
#include "core/file.h"
#include "graph/by_address.h"
#include "graph/onnx_proto.h"

namespace isthmus {
namespace {

using google::protobuf::io::CodedOutputStream;

// Field numbers of onnx.proto, as tags of length-delimited fields.
constexpr std::uint32_t tag_of(std::uint32_t field) { return field << 3 | 2; }
constexpr std::uint32_t kModelGraph = tag_of(7);
constexpr std::uint32_t kGraphInitializer = tag_of(5);
constexpr std::uint32_t kGraphSparseInitializer = tag_of(15);
constexpr std::uint32_t kTensorRawData = tag_of(9);

// protobuf holds no message of 2 GB.
constexpr std::size_t kLimit = (std::size_t{1} << 31) - 1;
// ONNX recommends page-aligned offsets; smaller tensors stay in the model.
constexpr std::size_t kPage = 4096;

std::size_t field_size(std::uint32_t tag, std::size_t length) {
  return CodedOutputStream::VarintSize32(tag) + CodedOutputStream::VarintSize64(length) + length;
}

// A stream over the string would fill all that is reserved with zeros at every call.
void append_head(std::string& out, std::uint32_t tag, std::size_t length) {
  std::array<std::uint8_t, 15> head{};
  std::uint8_t* end = CodedOutputStream::WriteVarint32ToArray(tag, head.data());
  end = CodedOutputStream::WriteVarint64ToArray(length, end);
  out.append(reinterpret_cast<const char*>(head.data()),
             static_cast<std::size_t>(end - head.data()));
}

// One initializer: what is written before its raw data, and the raw data (empty if there is none).
struct Record {
  std::uint32_t tag = kGraphInitializer;
  std::string header;
  bool has_raw = false;
  std::span<const std::byte> raw;

  std::size_t size() const {
    return header.size() + (has_raw ? field_size(kTensorRawData, raw.size()) : 0);
  }
};

std::vector<Record> records_of(const Graph& graph) {
  std::vector<Record> records;
  for (const auto& [name, initializer] : graph.initializers) {
    if (initializer.sparse) {
      records.push_back({.tag = kGraphSparseInitializer, .header = initializer.opaque, .raw = {}});
      continue;
    }
    Record record{.header = serialized(initializer_header(name, initializer)), .raw = {}};
    record.has_raw = initializer.opaque.empty();
    if (record.has_raw) record.raw = initializer.tensor.bytes();
    records.push_back(std::move(record));
  }
  return records;
}

onnx::ModelProto model_without_graph(const Graph& graph, onnx::GraphProto* rest) {
  onnx::ModelProto model;
  model.ParseFromString(graph.rest);
  if (model.has_graph()) *rest = model.graph();
  model.clear_graph();
  model.set_ir_version(graph.ir_version);
  for (const auto& [domain, version] : graph.opsets) {
    auto& opset = *model.add_opset_import();
    opset.set_domain(domain);
    opset.set_version(version);
  }
  return model;
}

void add_graph_fields(const Graph& graph, onnx::GraphProto* proto) {
  for (const Node& node : graph.nodes) *proto->add_node() = node_to_proto(node);
  proto->set_name(graph.name);
  for (const NamedValue& input : graph.inputs)
    *proto->add_input() = value_to_proto(input.name, input.value);
  if (graph.ir_version < 4)
    for (const auto& [name, initializer] : graph.initializers)
      if (!initializer.sparse) *proto->add_input() = value_to_proto(name, graph.value_of(name));
  for (const NamedValue& output : graph.outputs)
    *proto->add_output() = value_to_proto(output.name, output.value);
  for (const auto& [name, value] : graph.values)
    if (!graph.find_output(name)) *proto->add_value_info() = value_to_proto(name, value);
}

// Written by hand around the raw data, so that the weights are copied once and not three times.
std::string serialize(const Graph& graph, const std::vector<Record>& records) {
  onnx::GraphProto skeleton;
  std::string out = serialized(model_without_graph(graph, &skeleton));
  add_graph_fields(graph, &skeleton);
  const std::string fields = serialized(skeleton);
  std::size_t graph_size = fields.size();
  for (const Record& record : records) graph_size += field_size(record.tag, record.size());
  const std::size_t size = out.size() + field_size(kModelGraph, graph_size);
  if (size > kLimit)
    throw Error(ErrorKind::kUnsupported, "model " + graph.name + " has " + std::to_string(size) +
                                             " bytes, over the 2 GB of one ONNX message: save it "
                                             "with external data");
  out.reserve(size);
  append_head(out, kModelGraph, graph_size);
  out += fields;
  for (const Record& record : records) {
    append_head(out, record.tag, record.size());
    out += record.header;
    if (!record.has_raw) continue;
    append_head(out, kTensorRawData, record.raw.size());
    out.append(reinterpret_cast<const char*>(record.raw.data()), record.raw.size());
  }
  return out;
}

void add_entry(onnx::TensorProto* proto, const std::string& key, const std::string& value) {
  auto& entry = *proto->add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

void point_to_external(Record& record, const std::string& location, std::uintptr_t offset) {
  onnx::TensorProto proto;
  proto.ParseFromString(record.header);
  proto.set_data_location(onnx::TensorProto::EXTERNAL);
  add_entry(&proto, "location", location);
  add_entry(&proto, "offset", std::to_string(offset));
  add_entry(&proto, "length", std::to_string(record.raw.size()));
  record.header = serialized(proto);
  record.has_raw = false;
}

// Moves the raw data of every record of a page or more into `data`, and says so in its header.
void write_external(std::vector<Record>& records, const std::string& location, std::ostream& data) {
  std::size_t offset = 0;
  for (Record& record : records) {
    if (!record.has_raw || record.raw.size() < kPage) continue;
    const std::string padding((kPage - offset % kPage) % kPage, '\0');
    data << padding;
    offset += padding.size();
    point_to_external(record, location, offset);
    data.write(reinterpret_cast<const char*>(record.raw.data()),
               static_cast<std::streamsize>(record.raw.size()));
    offset += record.raw.size();
  }
}

std::size_t raw_bytes(const std::vector<Record>& records) {
  std::size_t total = 0;
  for (const Record& record : records) total += record.size();
  return total;
}

}  // namespace

std::string to_onnx(const Graph& graph) { return serialize(graph, records_of(graph)); }

std::string to_onnx_by_address(const Graph& graph, const std::set<std::string>& shared) {
  std::vector<Record> records = records_of(graph);
  std::size_t i = 0;
  for (const auto& [name, initializer] : graph.initializers) {
    Record& record = records[i++];
    if (record.has_raw && shared.contains(name))
      point_to_external(record, "*/_ORT_MEM_ADDR_/*",
                        reinterpret_cast<std::uintptr_t>(record.raw.data()));
  }
  return serialize(graph, records);
}

void save_graph(const Graph& graph, const std::filesystem::path& file, std::size_t external_above) {
  std::vector<Record> records = records_of(graph);
  // A quarter of the limit is left for nodes and names.
  if (raw_bytes(records) <= std::min(external_above, kLimit / 4 * 3))
    return write_file(file, serialize(graph, records));
  const std::filesystem::path data = file.string() + ".data";
  const std::filesystem::path unfinished = data.string() + ".part";
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  {
    std::ofstream stream(unfinished, std::ios::binary);
    write_external(records, data.filename().string(), stream);
    stream.flush();
    if (!stream) {
      std::error_code ignored;
      std::filesystem::remove(unfinished, ignored);
      throw Error(ErrorKind::kIo, "cannot write " + data.string() + ": is the disk full?");
    }
  }
  std::filesystem::rename(unfinished, data);
  write_file(file, serialize(graph, records));
}

}  // namespace isthmus
