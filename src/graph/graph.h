#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace isthmus {

// An attribute that this program has no use for (a subgraph, a sparse tensor, a type): the bytes of
// its onnx.AttributeProto, kept so that nothing is lost.
struct OpaqueAttribute {
  std::string proto;
};

using Attribute =
    std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                 std::vector<std::string>, Tensor, OpaqueAttribute>;

// One operator. An empty input or output name is an omitted optional one.
struct Node {
  // May be empty in a file; `load_graph` gives every node a unique name ("Conv_12").
  std::string name;
  std::string op;
  // "" is the standard ONNX domain ("ai.onnx" is read as "").
  std::string domain;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, Attribute> attributes;
  // Tensors of the graph that the bodies of If, Loop and Scan read by name; found on load.
  std::vector<std::string> captures = {};
  // Fields of the onnx.NodeProto that are not above (doc string, metadata), as a serialised
  // NodeProto.
  std::string rest = {};

  // Every tensor that must be there before the node runs: inputs, less omitted ones, and captures.
  std::vector<std::string> needs() const;
  bool has(std::string_view key) const;
  // Attribute access with ONNX's default for an absent one. Throws Error{kInvalid} (node and
  // attribute named) if the attribute has another type.
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  float real(std::string_view key, float fallback) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  std::vector<std::int64_t> integers(std::string_view key,
                                     std::vector<std::int64_t> fallback) const;
};

// Type and shape of a tensor that flows through the graph.
struct Value {
  DType dtype = DType::kUndefined;
  // -1 for an unknown or symbolic extent. `has_shape` is false while nothing is known at all.
  Shape shape;
  bool has_shape = false;
  // Name of each symbolic extent ("batch"), "" where there is none; empty if there are no symbols.
  std::vector<std::string> symbols = {};
  // What the fields above cannot hold (a sequence, a map, an element type that this program does
  // not know, a doc string), as a serialised onnx.ValueInfoProto; mostly empty.
  std::string rest = {};
};

struct NamedValue {
  std::string name;
  Value value;
};

// A constant tensor that is stored in the file: weights, mostly.
struct Initializer {
  Tensor tensor;
  // Strings, complex numbers, 4-bit integers and the like: the bytes of the onnx.TensorProto (of
  // the onnx.SparseTensorProto if `sparse`); `tensor` is empty then.
  std::string opaque = {};
  bool sparse = false;
  // Doc string and metadata, as a serialised onnx.TensorProto; mostly empty.
  std::string rest = {};
};

// One network in memory: a plain value. The nodes stand in topological order.
//
// Copying a Graph copies the structure and shares the weights (Tensor is a shared, immutable
// array).
struct Graph {
  std::string name;
  std::vector<Node> nodes;
  // Ordered by name, so that equal graphs make equal files.
  std::map<std::string, Initializer> initializers;
  // Without the initializers that files may list among the inputs (all of them up to IR 3, where
  // saving lists them again; a default that a caller may override from IR 4 on, which becomes a
  // constant here).
  std::vector<NamedValue> inputs;
  std::vector<NamedValue> outputs;
  // What is known of inner tensors (value_info of the file, then shape inference).
  std::map<std::string, Value> values;
  // Domain ("" the standard one) -> version.
  std::map<std::string, std::int64_t> opsets;
  std::int64_t ir_version = 8;
  // Fields of the onnx.ModelProto that are not above (producer, metadata, functions, ...), as a
  // serialised ModelProto whose graph has only what is not above either (doc string, annotations).
  std::string rest;

  std::int64_t opset() const;
  bool is_initializer(const std::string& tensor) const { return initializers.contains(tensor); }
  // Type and shape of any tensor: input, output, initializer or inner; an empty Value if unknown.
  Value value_of(const std::string& tensor) const;
  const NamedValue* find_input(std::string_view tensor) const;
  const NamedValue* find_output(std::string_view tensor) const;
  // Index of the node that makes `tensor`; -1 for inputs, initializers and unknown names.
  std::ptrdiff_t producer_of(std::string_view tensor) const;
  // Every tensor name: inputs first, then node outputs in order. No initializers.
  std::vector<std::string> tensors() const;
};

// Who makes and who takes each tensor, by node index; for algorithms that ask often.
struct GraphIndex {
  // The graph may change or go afterwards.
  explicit GraphIndex(const Graph& graph);

  // -1 for a graph input; absent for initializers.
  std::map<std::string, std::ptrdiff_t, std::less<>> producer;
  std::map<std::string, std::vector<std::size_t>, std::less<>> consumers;
};

// Reads an ONNX file, external data included; opset 7 to what ONNX Runtime takes. Nodes are sorted,
// shapes inferred (graph/shapes.h) and constant chains folded (graph/fold.h), both as far as they
// go: unknown operators and domains pass through untouched. Throws Error{kNotFound}, or
// Error{kInvalid} for a file that is no ONNX model, is truncated, has no nodes' inputs defined, a
// cycle, or two producers of one tensor - each names what.
Graph load_graph(const std::filesystem::path& file);
// The same from bytes; `name` stands for the file in messages; external data is looked for in
// `folder`.
Graph parse_graph(std::string_view bytes, const std::string& name,
                  const std::filesystem::path& folder = {});

// Serialised onnx.ModelProto. Deterministic: equal graphs give equal bytes, and reading them back
// gives an equal graph. Throws Error{kUnsupported} for a model of 2 GB or more, which protobuf
// cannot hold.
std::string to_onnx(const Graph& graph);
// Whole or not at all. Weights of 4 kB and more go to FILE.data beside the file when all of them
// have more than `external_above` bytes. Throws Error{kIo}.
void save_graph(const Graph& graph, const std::filesystem::path& file,
                std::size_t external_above = std::size_t{1610612736});

}  // namespace isthmus
