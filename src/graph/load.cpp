#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <unistd.h>

#include <limits>
#include <set>
#include <unordered_set>

#include "core/error.h"
#include "graph/external_data.h"
#include "graph/fold.h"
#include "graph/graph.h"
#include "graph/onnx_proto.h"
#include "graph/order.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

// Why bytes that protobuf cannot read are no model; `start` is how they begin.
std::string diagnosis(std::string_view start, std::size_t size) {
  if (size == 0) return "the file is empty";
  if (start.starts_with("version https://git-lfs"))
    return "this is a Git LFS pointer, not the model itself: run git lfs pull";
  // Every ONNX file begins with its IR version: field 1, a varint below 128.
  const bool onnx_like = start.size() >= 2 && start[0] == 0x08 && start[1] > 0 && start[1] < 100;
  return onnx_like ? "the ONNX file is truncated or damaged" : "this is not an ONNX model";
}

// The names that a body makes, and the body around it.
struct Scope {
  const Scope* outer = nullptr;
  std::unordered_set<std::string> made;

  bool has(const std::string& name) const {
    return made.contains(name) || (outer != nullptr && outer->has(name));
  }
};

void collect_captures(const onnx::GraphProto& graph, const Scope* outer,
                      std::set<std::string>& captures);

void collect_captures(const onnx::NodeProto& node, const Scope* scope,
                      std::set<std::string>& captures) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) collect_captures(attribute.g(), scope, captures);
    for (const auto& graph : attribute.graphs()) collect_captures(graph, scope, captures);
  }
}

// Names that the graph reads and neither it nor a body around it makes.
void collect_captures(const onnx::GraphProto& graph, const Scope* outer,
                      std::set<std::string>& captures) {
  Scope scope{.outer = outer, .made = {}};
  for (const auto& input : graph.input()) scope.made.insert(input.name());
  for (const auto& tensor : graph.initializer()) scope.made.insert(tensor.name());
  for (const auto& tensor : graph.sparse_initializer()) scope.made.insert(tensor.values().name());
  for (const auto& node : graph.node())
    for (const std::string& output : node.output()) scope.made.insert(output);
  const auto read = [&](const std::string& name) {
    if (!name.empty() && !scope.has(name)) captures.insert(name);
  };
  for (const auto& node : graph.node()) {
    for (const std::string& input : node.input()) read(input);
    collect_captures(node, &scope, captures);
  }
  for (const auto& output : graph.output()) read(output.name());
}

Node read_node(onnx::NodeProto&& proto) {
  std::set<std::string> captures;
  collect_captures(proto, nullptr, captures);
  Node node = node_from_proto(std::move(proto));
  node.captures.assign(captures.begin(), captures.end());
  return node;
}

void read_initializers(onnx::GraphProto& proto, Graph& graph) {
  const auto add = [&](const std::string& name, Initializer initializer) {
    if (name.empty()) throw Error(ErrorKind::kInvalid, "an initializer has no name");
    if (!graph.initializers.emplace(name, std::move(initializer)).second)
      throw Error(ErrorKind::kInvalid, "initializer " + name + " is given twice");
  };
  for (auto& tensor : *proto.mutable_initializer()) {
    const std::string name = tensor.name();
    add(name, initializer_from_proto(std::move(tensor)));
  }
  for (const auto& tensor : proto.sparse_initializer())
    add(tensor.values().name(), {.tensor = {}, .opaque = serialized(tensor), .sparse = true});
}

void read_values(const onnx::GraphProto& proto, Graph& graph) {
  for (const auto& input : proto.input())
    if (!graph.is_initializer(input.name()))
      graph.inputs.push_back({input.name(), value_from_proto(input)});
  for (const auto& output : proto.output())
    graph.outputs.push_back({output.name(), value_from_proto(output)});
  std::unordered_set<std::string> outer;
  for (const auto* values : {&graph.inputs, &graph.outputs})
    for (const NamedValue& value : *values) outer.insert(value.name);
  for (const auto& value : proto.value_info())
    if (!value.name().empty() && !outer.contains(value.name()) &&
        !graph.is_initializer(value.name()))
      graph.values[value.name()] = value_from_proto(value);
}

// What is left once the fields that Graph holds are gone.
std::string rest_of(onnx::ModelProto& model) {
  auto& graph = *model.mutable_graph();
  graph.clear_node();
  graph.clear_name();
  graph.clear_initializer();
  graph.clear_sparse_initializer();
  graph.clear_input();
  graph.clear_output();
  graph.clear_value_info();
  if (graph.ByteSizeLong() == 0) model.clear_graph();
  model.clear_ir_version();
  model.clear_opset_import();
  return serialized(model);
}

Graph graph_from(onnx::ModelProto&& model, const std::string& file, const fs::path& folder) {
  ExternalData external(folder);
  external.load(model.mutable_graph());
  for (auto& function : *model.mutable_functions())
    for (auto& node : *function.mutable_node()) external.load(&node);

  Graph graph;
  onnx::GraphProto& proto = *model.mutable_graph();
  graph.name = proto.name();
  graph.ir_version = model.ir_version();
  for (const auto& opset : model.opset_import())
    graph.opsets[plain_domain(opset.domain())] = opset.version();
  if (!graph.opsets.contains("")) graph.opsets[""] = 1;
  read_initializers(proto, graph);
  read_values(proto, graph);
  graph.nodes.reserve(static_cast<std::size_t>(proto.node_size()));
  for (auto& node : *proto.mutable_node()) graph.nodes.push_back(read_node(std::move(node)));
  graph.rest = rest_of(model);
  name_nodes(graph);
  sort_nodes(graph, file);
  fold_constants(graph);
  return graph;
}

// Puts the file's name in front of what went wrong inside it.
Graph read_model(onnx::ModelProto&& model, const std::string& file, const fs::path& folder) {
  if (!model.has_graph() || model.ir_version() < 1)
    throw Error(ErrorKind::kInvalid, file + ": this is not an ONNX model (it holds no graph)");
  try {
    return graph_from(std::move(model), file, folder);
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.starts_with(file)) throw;
    throw Error(error.kind(), file + ": " + text);
  }
}

struct Descriptor {
  explicit Descriptor(const fs::path& file) : number(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number;
};

bool parse_file(const fs::path& file, onnx::ModelProto* model) {
  const Descriptor descriptor(file);
  if (descriptor.number < 0)
    throw Error(ErrorKind::kIo, "cannot read " + file.string() + ": " + std::strerror(errno));
  google::protobuf::io::FileInputStream stream(descriptor.number);
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
  return model->ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage();
}

std::string start_of(const fs::path& file) {
  std::string start(64, '\0');
  const Descriptor descriptor(file);
  const auto count = ::read(descriptor.number, start.data(), start.size());
  start.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return start;
}

}  // namespace

Graph load_graph(const fs::path& file) {
  const std::string name = file.string();
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) throw Error(ErrorKind::kNotFound, "there is no file " + name);
  if (fs::is_directory(status))
    throw Error(ErrorKind::kInvalid, name + " is a folder: an ONNX file is wanted");
  if (!fs::is_regular_file(status)) throw Error(ErrorKind::kInvalid, name + " is not a file");
  const std::uintmax_t size = fs::file_size(file);
  if (size >= std::numeric_limits<int>::max())
    throw Error(ErrorKind::kInvalid, name + " has " + std::to_string(size) +
                                         " bytes, over the 2 GB of one ONNX message: save its "
                                         "weights as external data");
  onnx::ModelProto model;
  if (size == 0 || !parse_file(file, &model))
    throw Error(ErrorKind::kInvalid, name + ": " + diagnosis(start_of(file), size));
  const fs::path folder = file.parent_path();
  return read_model(std::move(model), name, folder.empty() ? "." : folder);
}

Graph parse_graph(std::string_view bytes, const std::string& name, const fs::path& folder) {
  onnx::ModelProto model;
  if (bytes.empty() || bytes.size() >= std::numeric_limits<int>::max() ||
      !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw Error(ErrorKind::kInvalid, name + ": " + diagnosis(bytes.substr(0, 64), bytes.size()));
  return read_model(std::move(model), name, folder);
}

}  // namespace isthmus
