#include "split/classifier.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "core/error.h"
#include "core/fill_normal.h"
#include "core/rng.h"
#include "graph/shapes.h"

namespace isthmus {
namespace {

[[noreturn]] void fail(const Graph& graph, const std::string& why) {
  throw Error(ErrorKind::kUnsupported, graph.name + " cannot get another last layer: " + why);
}

bool passes_scores(const std::string& op) {
  static const std::set<std::string> ops = {"Identity",          "Dropout", "Flatten",    "Reshape",
                                            "Squeeze",           "Softmax", "LogSoftmax", "Relu",
                                            "GlobalAveragePool", "Add",     "AveragePool"};
  return ops.contains(op);
}

// The input that depends on the network's input.
std::string activation_input(const Graph& graph, const Node& node) {
  for (const std::string& input : node.inputs)
    if (!input.empty() && !graph.is_initializer(input)) return input;
  return "";
}

// Indices of the nodes from the one with weights to the output.
std::vector<std::size_t> way_to_scores(const Graph& graph) {
  if (graph.outputs.size() != 1)
    fail(graph, fmt::format("it has {} outputs", graph.outputs.size()));
  std::vector<std::size_t> way;
  std::string tensor = graph.outputs.front().name;
  while (true) {
    const std::ptrdiff_t producer = graph.producer_of(tensor);
    if (producer < 0) fail(graph, "there is no layer with weights before its scores");
    const Node& node = graph.nodes[static_cast<std::size_t>(producer)];
    way.insert(way.begin(), static_cast<std::size_t>(producer));
    if (node.op == "Gemm" || node.op == "MatMul" || node.op == "Conv") return way;
    if (!passes_scores(node.op))
      fail(graph, fmt::format("node {} ({}) is between its last layer and its scores", node.name,
                              node.op));
    tensor = activation_input(graph, node);
  }
}

class LastLayer {
 public:
  LastLayer(const Graph& teacher, const StudentSpec& spec)
      : graph_(teacher), classes_(spec.classes), seed_(spec.seed) {}

  // Replaces what holds one number for each class, along the way.
  Graph replace() {
    const std::vector<std::size_t> way = way_to_scores(graph_);
    Node& layer = graph_.nodes[way.front()];
    const bool rows = layer.op == "Conv" || layer.integer("transB", 0) != 0;
    replace_weights(layer, rows ? 0 : 1);
    if (layer.op != "MatMul") replace_bias(layer, 2);
    for (std::size_t i = 1; i < way.size(); ++i) {
      Node& node = graph_.nodes[way[i]];
      if (node.op != "Add") continue;
      for (std::size_t input = 0; input < node.inputs.size(); ++input)
        if (graph_.is_initializer(node.inputs[input])) replace_bias(node, input);
    }
    for (const std::size_t index : way)
      for (const std::string& output : graph_.nodes[index].outputs) graph_.values.erase(output);
    graph_.outputs.front().value.shape.back() = classes_;
    infer_shapes(graph_);
    check_scores();
    return graph_;
  }

  const std::set<std::string>& added() const { return added_; }

 private:
  const Tensor& weights_of(const Node& node, std::size_t input) const {
    const auto found = graph_.initializers.find(node.inputs[input]);
    if (found == graph_.initializers.end() || found->second.tensor.dtype() != DType::kF32)
      fail(graph_,
           fmt::format("the weights of node {} ({}) are no f32 constants", node.name, node.op));
    return found->second.tensor;
  }

  void replace_weights(Node& node, std::size_t class_axis) {
    const Tensor& old = weights_of(node, 1);
    Shape shape = old.shape();
    const double fan_in = static_cast<double>(old.size()) / static_cast<double>(shape[class_axis]);
    shape[class_axis] = classes_;
    Tensor tensor(DType::kF32, shape);
    fill_normal(tensor.mutable_values<float>(), std::sqrt(2 / fan_in), mix_seed(seed_, 0));
    put(node, 1, std::move(tensor));
  }

  void replace_bias(Node& node, std::size_t input) {
    if (input >= node.inputs.size() || node.inputs[input].empty()) return;
    Shape shape = weights_of(node, input).shape();
    if (shape.empty()) return;
    shape.back() = classes_;
    put(node, input, Tensor(DType::kF32, shape));
  }

  void put(Node& node, std::size_t input, Tensor tensor) {
    const std::string old = node.inputs[input];
    std::string name = old + ".new";
    while (graph_.is_initializer(name) || graph_.producer_of(name) >= 0) name += ".new";
    graph_.initializers[name] = {.tensor = std::move(tensor)};
    node.inputs[input] = name;
    added_.insert(name);
    for (const Node& other : graph_.nodes)
      for (const std::string& need : other.needs())
        if (need == old) return;
    graph_.initializers.erase(old);
  }

  // A Reshape may have the number of classes in it.
  void check_scores() const {
    const Value& value = graph_.outputs.front().value;
    if (!value.has_shape || value.shape.empty() || value.shape.back() != classes_)
      fail(graph_, "its scores have the shape " + to_string(value.shape) + " whatever the layer");
  }

  Graph graph_;
  std::int64_t classes_;
  std::uint64_t seed_;
  std::set<std::string> added_;
};

}  // namespace

Student make_classifier_student(const Graph& teacher, const StudentSpec& spec) {
  if (spec.classes < 2)
    throw Error(ErrorKind::kInvalid,
                fmt::format("a classifier needs two classes or more: {}", spec.classes));
  LastLayer layer(teacher, spec);
  Student student;
  student.graph = layer.replace();
  student.graph.name = teacher.name + ".student";
  for (const auto& [name, initializer] : student.graph.initializers)
    (layer.added().contains(name) ? student.tail : student.encoder).push_back(name);
  return student;
}

}  // namespace isthmus
