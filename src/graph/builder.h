#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "graph/graph.h"

namespace isthmus {

using Attributes = std::map<std::string, Attribute>;

// Spatial numbers of a convolution or pooling. A list of one holds for every spatial axis; the
// number of axes is that of the input (so the same words serve 1D, 2D and 3D).
struct WindowOptions {
  Shape kernel = {1};
  Shape stride = {1};
  // Per axis on both sides, or all begins and then all ends, as ONNX has it.
  Shape pad = {0};
  Shape dilation = {1};
  // Convolutions only.
  std::int64_t groups = 1;
  bool bias = false;
  // Pooling only.
  bool ceil_mode = false;
  bool count_include_pad = false;
  // Of the node and its output tensor; "" for the next free one ("Conv_12").
  std::string name = {};
};

// Writes a Graph down layer by layer: every function adds a node and returns the name of its output
// tensor, for the next one to take. Shapes are inferred as it goes, so a layer knows the channels
// of its input.
//
//   GraphBuilder net("tiny", {.seed = 1});
//   std::string x = net.input("image", {-1, 3, 32, 32});
//   x = net.relu(net.batch_norm(net.conv(x, 16, {.kernel = {3}, .pad = {1}})));
//   x = net.gemm(net.flatten(net.global_average_pool(x)), 10, "logits");
//   net.output(x);
//   Graph graph = net.build();
//
// Weights: He's normal initialisation (fan-in) from the seed, zero bias. Equal calls make equal
// graphs. Names: the output tensor of a layer has the node's name; its weights are NAME.weight,
// NAME.bias, NAME.running_mean, NAME.running_var. Every function throws Error{kInvalid} for a name
// that is taken, a tensor that is not there yet, or an input too small for a window.
class GraphBuilder {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::int64_t opset = 13;
    // Takes the mean out of each filter, so that scores vary with the input: behind a ReLU all
    // values are positive, and what they have in common would drown the rest.
    bool centered_filters = false;
  };
  explicit GraphBuilder(std::string name);
  GraphBuilder(std::string name, Options options);

  // A first extent of -1 is the batch and gets the symbol "batch".
  std::string input(const std::string& name, Shape shape, DType dtype = DType::kF32);
  // An initializer.
  std::string weight(const std::string& name, Tensor tensor);
  // An initializer of normal numbers with this standard deviation.
  std::string random_weight(const std::string& name, Shape shape, double deviation);

  // Any operator with one output: op("Clip", {x, low, high}). An empty input is an omitted one.
  std::string op(const std::string& type, std::vector<std::string> inputs,
                 Attributes attributes = {}, const std::string& name = "",
                 const std::string& domain = "");
  // Any operator; the outputs are named NAME_0, NAME_1, ...
  std::vector<std::string> op_with_outputs(const std::string& type, std::vector<std::string> inputs,
                                           std::size_t outputs, Attributes attributes = {},
                                           const std::string& name = "",
                                           const std::string& domain = "");

  // Layers. `x` is batch x channels x spatial...
  std::string conv(const std::string& x, std::int64_t channels, const WindowOptions& options);
  // Transposed convolution, without groups: side -> (side - 1) stride + dilation (kernel - 1) + 1 -
  // pads. Weights are input channels x channels x kernel, of variance 2 / fan-in, where the fan-in
  // is what meets in one output: input channels x kernel / stride.
  std::string deconv(const std::string& x, std::int64_t channels, const WindowOptions& options);
  // gamma 1, beta 0, mean 0, variance 1 (evaluation mode).
  std::string batch_norm(const std::string& x, const std::string& name = "", float epsilon = 1e-5F);
  std::string relu(const std::string& x, const std::string& name = "");
  // Clip to [0, 6].
  std::string relu6(const std::string& x, const std::string& name = "");
  std::string max_pool(const std::string& x, const WindowOptions& options);
  std::string average_pool(const std::string& x, const WindowOptions& options);
  std::string global_average_pool(const std::string& x, const std::string& name = "");
  // batch x everything else.
  std::string flatten(const std::string& x, const std::string& name = "");
  // batch x features -> batch x `features`, weights features x inputs (transB), with bias.
  std::string gemm(const std::string& x, std::int64_t features, const std::string& name = "");
  std::string add(const std::string& a, const std::string& b, const std::string& name = "");
  std::string concat(std::vector<std::string> tensors, std::int64_t axis = 1,
                     const std::string& name = "");
  std::string softmax(const std::string& x, std::int64_t axis = -1, const std::string& name = "");

  // Marks a tensor as an output of the network.
  void output(const std::string& tensor);

  // Shape as inferred so far; -1 for an unknown extent. Throws Error{kNotFound} for an unknown
  // tensor and Error{kInvalid} if nothing is known.
  Shape shape_of(const std::string& tensor) const;
  std::int64_t channels_of(const std::string& tensor) const;

  // The network, with its shapes. The builder can go on afterwards. Throws Error{kInvalid} without
  // an output.
  Graph build() const;

 private:
  std::string free_name(const std::string& wanted, const std::string& type);
  void add_node(Node node);
  void claim(const std::string& tensor);
  std::string window_op(const std::string& type, const std::string& x,
                        std::vector<std::string> inputs, const WindowOptions& options,
                        Attributes attributes, const std::string& name);

  std::string filter_weight(const std::string& name, Shape shape);

  Graph graph_;
  Rng rng_;
  bool centered_filters_;
  std::map<std::string, std::int64_t> counters_;
  std::set<std::string> tensors_;
  std::set<std::string> nodes_;
};

// A graph in ONNX's text form (onnx/defs/parser.h), for tests:
//   <ir_version: 8, opset_import: ["" : 13]>
//   net (float[N, 3, 8, 8] x) => (float[N, 3, 8, 8] y) { y = Relu(x) }
// The header line may be left out (opset 13). Sorted, named and inferred as by load_graph. Throws
// Error{kInvalid}.
Graph parse_graph_text(std::string_view text);

}  // namespace isthmus
