#include "split/graft.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "graph/cost.h"
#include "graph/cuts.h"
#include "graph/subgraph.h"

namespace isthmus {
namespace {

// " (the nearest cut points: A before it, B behind it)".
std::string nearest_cut_points(const Graph& graph, const std::string& tensor) {
  const std::ptrdiff_t place = graph.producer_of(tensor);
  std::string before, behind;
  for (const CutPoint& cut : cut_points(graph)) {
    const bool is_before = graph.producer_of(cut.tensor) < place;
    if (is_before) before = cut.tensor;
    if (!is_before && behind.empty()) behind = cut.tensor;
  }
  if (before.empty() && behind.empty()) return " (it has no cut point at all)";
  return " (nearest cut points: " + (before.empty() ? "none" : before) + " before it, " +
         (behind.empty() ? "none" : behind) + " behind it)";
}

bool is_view_or_pool(const std::string& op) {
  static const std::set<std::string> ops = {
      "AveragePool", "GlobalAveragePool", "MaxPool", "GlobalMaxPool", "Identity",  "Dropout",
      "Flatten",     "Reshape",           "Squeeze", "Unsqueeze",     "Transpose", "Concat"};
  return ops.contains(op);
}

// A constant lower bound of 0 or more.
bool clips_from_zero(const Graph& graph, const Node& node) {
  if (node.has("min")) return node.real("min", -1) >= 0;
  if (node.inputs.size() < 2) return false;
  const auto low = graph.initializers.find(node.inputs[1]);
  return low != graph.initializers.end() && low->second.tensor.dtype() == DType::kF32 &&
         low->second.tensor.size() == 1 && low->second.tensor.values<float>()[0] >= 0;
}

void replace(std::vector<std::string>& names, const std::string& from, const std::string& to) {
  std::ranges::replace(names, from, to);
}

// Gives `to` to a tensor that a node makes, wherever it is used.
void rename_tensor(Graph& graph, const std::string& from, const std::string& to) {
  for (Node& node : graph.nodes) {
    replace(node.inputs, from, to);
    replace(node.outputs, from, to);
  }
}

// The layers with the output named `until`, its value known, and the batch called what it is called
// in the teacher's file.
Graph prepared(const Graph& layers, const Graph& teacher, const std::string& until) {
  Graph result = layers;
  rename_tensor(result, layers.outputs.front().name, until);
  const auto& symbols = teacher.inputs.front().value.symbols;
  for (auto& [name, value] : result.values)
    if (!value.symbols.empty()) value.symbols[0] = symbols.empty() ? "" : symbols[0];
  result.values[until] = teacher.value_of(until);
  return result;
}

}  // namespace

void check_cut_point(const Graph& teacher, const std::string& tensor) {
  if (tensor.empty())
    throw Error(ErrorKind::kInvalid,
                "a student of " + teacher.name +
                    " needs a tensor to stand for (isthmus inspect MODEL --cuts lists them)");
  try {
    check_separates(teacher, {&tensor, 1});
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kNotFound || teacher.producer_of(tensor) < 0) throw;
    throw Error(error.kind(), std::string(error.what()) + nearest_cut_points(teacher, tensor));
  }
}

FeatureShape image_shape(const Graph& teacher) {
  if (teacher.inputs.size() != 1)
    throw Error(ErrorKind::kUnsupported, teacher.name + " has " +
                                             std::to_string(teacher.inputs.size()) +
                                             " inputs; a student is made for one image");
  const NamedValue& input = teacher.inputs.front();
  const Shape& shape = input.value.shape;
  const bool known = shape.size() == 4 && shape[1] > 0 && shape[2] > 0 && shape[3] > 0;
  if (!known || input.value.dtype != DType::kF32)
    throw Error(ErrorKind::kUnsupported,
                "the input " + input.name + " of " + teacher.name +
                    " is no f32 image, batch x channels x height x width: " + to_string(shape));
  return {.channels = shape[1], .height = shape[2], .width = shape[3]};
}

FeatureShape feature_shape(const Graph& teacher, const std::string& tensor) {
  const Value value = teacher.value_of(tensor);
  const Shape& shape = value.shape;
  if (!value.has_shape || shape.size() != 4 || shape[1] < 1 || shape[2] < 1 || shape[3] < 1)
    throw Error(ErrorKind::kInvalid,
                "tensor " + tensor + " of " + teacher.name +
                    " is no batch x channels x height x width (take an earlier one): " +
                    (value.has_shape ? to_string(shape) : "shape unknown"));
  return {.channels = shape[1], .height = shape[2], .width = shape[3]};
}

std::int64_t macs_up_to(const Graph& graph, const std::string& tensor) {
  const GraphCost cost = cost_of(graph);
  std::int64_t macs = 0;
  for (const std::size_t node : ancestors(graph, {&tensor, 1})) macs += cost.nodes[node].macs;
  return macs;
}

bool is_rectified(const Graph& graph, const std::string& tensor) {
  std::set<std::string> seen;
  std::vector<std::string> todo = {tensor};
  while (!todo.empty()) {
    const std::string at = todo.back();
    todo.pop_back();
    if (!seen.insert(at).second) continue;
    const std::ptrdiff_t producer = graph.producer_of(at);
    if (producer < 0) return false;
    const Node& node = graph.nodes[static_cast<std::size_t>(producer)];
    if (node.op == "Relu" || node.op == "Sigmoid") continue;
    if (node.op == "Clip" && clips_from_zero(graph, node)) continue;
    if (!is_view_or_pool(node.op)) return false;
    const std::size_t count = node.op == "Concat" ? node.inputs.size() : 1;
    todo.insert(todo.end(), node.inputs.begin(),
                node.inputs.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return true;
}

std::string free_prefix(const Graph& graph, const std::string& wanted) {
  const auto taken = [&](const std::string& prefix) {
    const auto begins = [&](const std::string& name) { return name.starts_with(prefix + '.'); };
    for (const auto& [name, initializer] : graph.initializers)
      if (begins(name)) return true;
    return std::ranges::any_of(graph.tensors(), begins) ||
           std::ranges::any_of(graph.nodes, begins, &Node::name);
  };
  std::string prefix = wanted;
  for (int number = 2; taken(prefix); ++number) prefix = wanted + std::to_string(number);
  return prefix;
}

GraphBuilder builder_for(const Graph& teacher, std::uint64_t seed) {
  GraphBuilder net(teacher.name, {.seed = seed, .opset = teacher.opset()});
  net.input(teacher.inputs.front().name, teacher.inputs.front().value.shape);
  return net;
}

Graph graft(const Graph& teacher, const std::string& until, const Graph& layers) {
  std::vector<std::string> outputs;
  for (const NamedValue& output : teacher.outputs) outputs.push_back(output.name);
  Graph student = extract_subgraph(teacher, {&until, 1}, outputs);
  student.inputs = teacher.inputs;
  student.name = teacher.name + ".student";
  Graph head = prepared(layers, teacher, until);
  student.nodes.insert(student.nodes.begin(), head.nodes.begin(), head.nodes.end());
  student.initializers.merge(head.initializers);
  student.values.merge(head.values);
  return student;
}

Graph insert_layers(const Graph& teacher, const std::string& until, const Graph& layers) {
  Graph student = teacher;
  student.name = teacher.name + ".student";
  Graph between = prepared(layers, teacher, until);
  const auto producer = static_cast<std::size_t>(teacher.producer_of(until));
  const std::string& entry = layers.inputs.front().name;
  replace(student.nodes[producer].outputs, until, entry);
  student.values[entry] = teacher.value_of(until);
  student.nodes.insert(student.nodes.begin() + static_cast<std::ptrdiff_t>(producer) + 1,
                       between.nodes.begin(), between.nodes.end());
  student.initializers.merge(between.initializers);
  student.values.merge(between.values);
  return student;
}

void assign_regions(Student& student, const std::string& encoder, const std::string& decoder) {
  student.encoder.clear();
  student.decoder.clear();
  student.tail.clear();
  for (const auto& [name, initializer] : student.graph.initializers) {
    if (name.starts_with(encoder + '.'))
      student.encoder.push_back(name);
    else if (name.starts_with(decoder + '.'))
      student.decoder.push_back(name);
    else
      student.tail.push_back(name);
  }
}

}  // namespace isthmus
