#include "split/narrow.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "core/error.h"
#include "graph/cuts.h"
#include "graph/shapes.h"
#include "split/graft.h"

namespace isthmus {
namespace {

using Kept = std::vector<std::int64_t>;

bool is_elementwise(const std::string& op) {
  static const std::set<std::string> ops = {"Add", "Sub", "Mul", "Div", "Sum", "Max", "Min"};
  return ops.contains(op);
}

// One input's channels become the output's.
bool keeps_channels(const std::string& op) {
  static const std::set<std::string> ops = {"Relu",        "Clip",          "LeakyRelu",
                                            "PRelu",       "Sigmoid",       "HardSigmoid",
                                            "HardSwish",   "Tanh",          "Elu",
                                            "Identity",    "Dropout",       "MaxPool",
                                            "AveragePool", "GlobalMaxPool", "GlobalAveragePool",
                                            "Slice",       "Pad",           "BatchNormalization"};
  return ops.contains(op);
}

// Elements `kept` of one axis.
Tensor slice(const Tensor& tensor, std::size_t axis, const Kept& kept) {
  Shape shape = tensor.shape();
  const auto from = static_cast<std::size_t>(shape[axis]);
  shape[axis] = static_cast<std::int64_t>(kept.size());
  Tensor result(tensor.dtype(), shape);
  const Shape behind(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end());
  const std::size_t run =
      static_cast<std::size_t>(element_count(behind)) * byte_size(tensor.dtype());
  const std::size_t outer = tensor.bytes().size() / (run * from);
  std::byte* to = result.mutable_bytes().data();
  for (std::size_t i = 0; i < outer; ++i)
    for (const std::int64_t channel : kept) {
      std::memcpy(to, tensor.bytes().data() + (i * from + static_cast<std::size_t>(channel)) * run,
                  run);
      to += run;
    }
  return result;
}

Kept first(std::int64_t count) {
  Kept kept(static_cast<std::size_t>(count));
  std::iota(kept.begin(), kept.end(), 0);
  return kept;
}

// Makes a copy of a graph narrower, node by node.
class Narrowing {
 public:
  Narrowing(const Graph& teacher, const std::string& tensor, std::int64_t channels)
      : teacher_(teacher), graph_(teacher), channels_(channels) {
    tie_channels();
    class_ = root(tensor);
    for (const NamedValue& input : teacher.inputs)
      if (in_class(input.name)) refuse("the image's own channels pass to " + tensor);
  }

  Graph run() {
    for (Node& node : graph_.nodes) visit(node);
    for (const NamedValue& output : graph_.outputs)
      if (kept_.contains(output.name)) refuse("output " + output.name + " has channels of it");
    for (const auto& [tensor, kept] : kept_) graph_.values.erase(tensor);
    drop_unused();
    infer_shapes(graph_);
    return graph_;
  }

  // Initializers that lost elements.
  const std::set<std::string>& narrowed() const { return narrowed_; }

 private:
  // Pads that were replaced.
  void drop_unused() {
    std::set<std::string> used;
    for (const Node& node : graph_.nodes)
      for (const std::string& need : node.needs()) used.insert(need);
    for (const NamedValue& output : graph_.outputs) used.insert(output.name);
    std::erase_if(graph_.initializers,
                  [&](const auto& each) { return !used.contains(each.first); });
  }

  // --- Which tensors have the same channels.

  std::string root(std::string tensor) const {
    for (auto up = parent_.find(tensor); up != parent_.end(); up = parent_.find(tensor))
      tensor = up->second;
    return tensor;
  }

  void unite(const std::string& a, const std::string& b) {
    const std::string from = root(a), to = root(b);
    if (from != to) parent_[from] = to;
  }

  bool in_class(const std::string& tensor) const { return root(tensor) == class_; }

  void tie_channels() {
    for (const Node& node : teacher_.nodes) {
      if (!node.domain.empty() || node.outputs.empty() || node.inputs.empty()) continue;
      if (keeps_all_channels(node) || is_depthwise(node)) unite(node.inputs[0], node.outputs[0]);
      if (is_elementwise(node.op))
        for (const std::string& input : node.inputs)
          if (channels_of(input) == channels_of(node.outputs[0]) && !teacher_.is_initializer(input))
            unite(input, node.outputs[0]);
    }
  }

  std::int64_t channels_of(const std::string& tensor) const {
    const Value value = teacher_.value_of(tensor);
    return value.shape.size() < 2 ? -1 : value.shape[1];
  }

  bool is_depthwise(const Node& node) const {
    const std::int64_t groups = node.op == "Conv" ? node.integer("group", 1) : 1;
    return groups > 1 && groups == channels_of(node.inputs[0]) &&
           groups == channels_of(node.outputs[0]);
  }

  const Tensor* constant(const Node& node, std::size_t input) const {
    if (input >= node.inputs.size()) return nullptr;
    const auto found = teacher_.initializers.find(node.inputs[input]);
    return found == teacher_.initializers.end() ? nullptr : &found->second.tensor;
  }

  // A Slice or a Pad may leave some out, or add some.
  bool keeps_all_channels(const Node& node) const {
    return keeps_channels(node.op) && channels_of(node.inputs[0]) == channels_of(node.outputs[0]);
  }

  bool pads_channels(const Node& node) const {
    return node.op == "Pad" && channels_of(node.inputs[0]) != channels_of(node.outputs[0]);
  }

  // --- What becomes of one node.

  void visit(Node& node) {
    const bool makes = !node.outputs.empty() && in_class(node.outputs[0]);
    const bool takes = std::ranges::any_of(
        node.inputs, [&](const std::string& input) { return kept_.contains(input); });
    if (!makes && !takes) return;
    if (node.op == "Conv" && node.domain.empty())
      visit_convolution(node, makes);
    else if (pads_channels(node))
      visit_padding(node, makes);
    else if (keeps_all_channels(node) && takes)
      visit_unary(node);
    else if (is_elementwise(node.op) && takes)
      visit_elementwise(node);
    else if (node.op == "Concat" && takes && !makes)
      visit_concatenation(node);
    else if ((node.op == "Flatten" || node.op == "Reshape") && takes)
      visit_view(node);
    else if ((node.op == "Gemm" || node.op == "MatMul") && takes)
      visit_product(node);
    else
      refuse(fmt::format("node {} ({}) {} them", node.name, node.op,
                         takes ? "cannot do with some of" : "makes"));
  }

  const Kept* kept(const std::string& tensor) const {
    const auto found = kept_.find(tensor);
    return found == kept_.end() ? nullptr : &found->second;
  }

  void visit_convolution(Node& node, bool makes) {
    const Kept* taken = kept(node.inputs[0]);
    if (is_depthwise(node)) {
      assert(taken != nullptr);
      narrow(node, 1, 0, *taken);
      narrow(node, 2, 0, *taken);
      node.attributes["group"] = static_cast<std::int64_t>(taken->size());
      kept_[node.outputs[0]] = *taken;
      return;
    }
    if (node.integer("group", 1) != 1)
      refuse(fmt::format("node {} (Conv) has groups of them", node.name));
    if (taken != nullptr) narrow(node, 1, 1, *taken);
    if (!makes) return;
    const Kept filters = first(channels_);
    narrow(node, 1, 0, filters);
    narrow(node, 2, 0, filters);
    kept_[node.outputs[0]] = filters;
  }

  // Shortcuts without parameters: the channels that are not there yet are zeros. Those that leave
  // are taken from both ends, those that are missing added behind.
  void visit_padding(Node& node, bool makes) {
    const Tensor* pads = constant(node, 1);
    const auto rank = static_cast<std::int64_t>(teacher_.value_of(node.inputs[0]).shape.size());
    if (pads == nullptr || pads->dtype() != DType::kI64 || pads->size() != 2 * rank)
      refuse(fmt::format("node {} (Pad) has pads that are not constant", node.name));
    std::vector<std::int64_t> values(pads->values<std::int64_t>().begin(),
                                     pads->values<std::int64_t>().end());
    const Kept* taken = kept(node.inputs[0]);
    const std::int64_t before = channels_of(node.inputs[0]);
    const std::int64_t now = taken == nullptr ? before : static_cast<std::int64_t>(taken->size());
    auto& begin = values[1];
    auto& end = values[static_cast<std::size_t>(rank) + 1];
    if (makes) {
      begin = (channels_ - now) / 2;
      end = channels_ - now - begin;
      kept_[node.outputs[0]] = first(channels_);
    } else {
      end += before - now;
    }
    const std::string name = free_prefix(graph_, node.name + ".narrow") + ".pads";
    graph_.initializers[name] = {.tensor = Tensor::of<std::int64_t>(pads->shape(), values)};
    narrowed_.insert(name);
    node.inputs[1] = name;
  }

  void visit_unary(Node& node) {
    const Kept taken = kept_.at(node.inputs[0]);
    if (node.op == "BatchNormalization")
      for (std::size_t i = 1; i < 5; ++i) narrow(node, i, 0, taken);
    if (node.op == "PRelu" && constant(node, 1) != nullptr && constant(node, 1)->size() > 1)
      narrow(node, 1, 0, taken);
    for (const std::string& output : node.outputs)
      if (!output.empty()) kept_[output] = taken;
  }

  void visit_elementwise(Node& node) {
    const Kept* common = nullptr;
    for (const std::string& input : node.inputs)
      if (const Kept* taken = kept(input)) common = taken;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const Kept* taken = kept(node.inputs[i]);
      if (taken != nullptr && *taken == *common) continue;
      const Tensor* tensor = constant(node, i);
      const Shape shape = tensor != nullptr ? tensor->shape() : Shape{};
      if (taken != nullptr || tensor == nullptr)
        refuse(fmt::format("node {} ({}) mixes them with others", node.name, node.op));
      if (shape.size() >= 3 && shape[shape.size() - 3] > 1)
        narrow(node, i, shape.size() - 3, *common);
    }
    kept_[node.outputs[0]] = *common;
  }

  void visit_concatenation(Node& node) {
    if (node.integer("axis", 1) != 1)
      refuse(fmt::format("node {} (Concat) joins another axis", node.name));
    Kept joined;
    std::int64_t offset = 0;
    for (const std::string& input : node.inputs) {
      const Kept* taken = kept(input);
      for (const std::int64_t channel : taken ? *taken : first(channels_of(input)))
        joined.push_back(offset + channel);
      offset += channels_of(input);
    }
    kept_[node.outputs[0]] = std::move(joined);
  }

  // batch x channels x height x width to batch x features.
  void visit_view(Node& node) {
    const Shape shape = teacher_.value_of(node.inputs[0]).shape;
    const bool to_features = teacher_.value_of(node.outputs[0]).shape.size() == 2;
    const Tensor* wanted = node.op == "Reshape" ? constant(node, 1) : nullptr;
    const bool open =
        node.op == "Flatten" || (wanted != nullptr && wanted->dtype() == DType::kI64 &&
                                 wanted->size() == 2 && wanted->values<std::int64_t>()[1] == -1);
    if (!to_features || !open)
      refuse(fmt::format("node {} ({}) says how many there are", node.name, node.op));
    const std::int64_t pixels = element_count(Shape(shape.begin() + 2, shape.end()));
    Kept features;
    for (const std::int64_t channel : kept_.at(node.inputs[0]))
      for (std::int64_t i = 0; i < pixels; ++i) features.push_back(channel * pixels + i);
    kept_[node.outputs[0]] = std::move(features);
  }

  void visit_product(Node& node) {
    const Kept* taken = kept(node.inputs[0]);
    const Tensor* weight = constant(node, 1);
    if (taken == nullptr || weight == nullptr || weight->shape().size() != 2)
      refuse(fmt::format("node {} ({}) has no constant weights for them", node.name, node.op));
    const bool transposed = node.op == "Gemm" && node.integer("transB", 0) != 0;
    narrow(node, 1, transposed ? 1 : 0, *taken);
  }

  // Keeps some elements of an initializer; nothing if the node has no such input.
  void narrow(const Node& node, std::size_t input, std::size_t axis, const Kept& kept) {
    if (input >= node.inputs.size() || node.inputs[input].empty()) return;
    const std::string& name = node.inputs[input];
    const auto found = graph_.initializers.find(name);
    if (found == graph_.initializers.end())
      refuse(fmt::format("node {} ({}) has weights that are not constant", node.name, node.op));
    const auto users = std::ranges::count_if(graph_.nodes, [&](const Node& other) {
      return std::ranges::find(other.inputs, name) != other.inputs.end();
    });
    if (users > 1) refuse(fmt::format("node {} shares its weights {}", node.name, name));
    found->second.tensor = slice(found->second.tensor, axis, kept);
    narrowed_.insert(name);
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorKind::kUnsupported, teacher_.name + " cannot have fewer channels there: " +
                                             why + "; take another tensor");
  }

  const Graph& teacher_;
  Graph graph_;
  std::int64_t channels_;
  // Union-find over tensors.
  std::map<std::string, std::string> parent_;
  std::string class_;
  std::map<std::string, Kept> kept_;
  std::set<std::string> narrowed_;
};

// Encoder: what the tensor needs. Decoder: narrowed, and not in the encoder.
void assign_narrow_regions(Student& student, const std::set<std::string>& narrowed) {
  const Graph& graph = student.graph;
  std::set<std::string> head;
  for (const std::size_t node : ancestors(graph, {&student.bottleneck, 1}))
    for (const std::string& need : graph.nodes[node].needs())
      if (graph.is_initializer(need)) head.insert(need);
  for (const auto& [name, initializer] : graph.initializers) {
    if (head.contains(name))
      student.encoder.push_back(name);
    else if (narrowed.contains(name))
      student.decoder.push_back(name);
    else
      student.tail.push_back(name);
  }
}

}  // namespace

Student make_narrow_student(const Graph& teacher, const StudentSpec& spec) {
  image_shape(teacher);
  check_cut_point(teacher, spec.until);
  const FeatureShape shape = feature_shape(teacher, spec.until);
  if (spec.channels < 1 || spec.channels >= shape.channels)
    throw Error(ErrorKind::kInvalid,
                fmt::format("{} of {} can be narrowed to 1 to {} channels, not {}", spec.until,
                            to_string(shape), shape.channels - 1, spec.channels));
  Narrowing narrowing(teacher, spec.until, spec.channels);
  Student student;
  student.graph = narrowing.run();
  student.graph.name = teacher.name + ".student";
  student.bottleneck = spec.until;
  assign_narrow_regions(student, narrowing.narrowed());
  return student;
}

}  // namespace isthmus
