#include "split/box_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "graph/shapes.h"

namespace isthmus {
namespace {

class Walk {
 public:
  explicit Walk(const Graph& run) : run_(run) {}

  // What is wanted of a tensor, besides what is wanted of it already.
  void want(const std::string& tensor, const Box& box) {
    const auto [entry, added] = wanted_.emplace(tensor, box);
    if (!added) entry->second = hull(entry->second, box);
  }

  // `sum` stands for the node at that index.
  BoxWalk walk(std::ptrdiff_t sum_at, const BoxedNode* sum) {
    for (std::size_t i = run_.nodes.size(); i-- > 0;)
      if (is_wanted(run_.nodes[i]))
        take(i, static_cast<std::ptrdiff_t>(i) == sum_at ? RuledNode{*sum, true}
                                                         : ruled(run_.nodes[i]));
    std::ranges::reverse(result_.nodes);
    std::ranges::reverse(result_.boxed);
    std::ranges::reverse(result_.unruled);
    const std::string& input = run_.inputs.front().name;
    if (const auto found = wanted_.find(input); found != wanted_.end())
      result_.input = found->second;
    else
      throw Error(ErrorKind::kInvalid, "nothing of " + input + " is needed");
    result_.held[input] = result_.input;
    return std::move(result_);
  }

 private:
  bool is_wanted(const Node& node) const {
    return std::ranges::any_of(node.outputs, [&](const auto& o) { return wanted_.contains(o); });
  }

  RuledNode ruled(const Node& node) const {
    const auto wanted = wanted_.find(node.outputs[0]);
    return box_node(run_, node,
                    wanted != wanted_.end() ? wanted->second : whole_box(run_, node.outputs[0]));
  }

  void take(std::size_t index, RuledNode ruled) {
    const Node& node = run_.nodes[index];
    if (!ruled.has_rule) {
      result_.unruled.push_back(fmt::format("{} ({})", node.name, node.op));
      for (const std::string& capture : node.captures)
        if (!run_.is_initializer(capture)) want(capture, whole_box(run_, capture));
    }
    BoxedNode& boxed = ruled.node;
    for (std::size_t i = 0; i < boxed.inputs.size(); ++i)
      if (boxed.inputs[i]) want(boxed.node.inputs[i], *boxed.inputs[i]);
    result_.held[node.outputs[0]] = boxed.made;
    for (std::size_t i = 1; i < node.outputs.size(); ++i)
      if (wanted_.contains(node.outputs[i]))
        result_.held[node.outputs[i]] = whole_box(run_, node.outputs[i]);
    result_.nodes.push_back(index);
    result_.boxed.push_back(std::move(boxed));
  }

  const Graph& run_;
  std::map<std::string, Box> wanted_;
  BoxWalk result_;
};

// Elements of a piece of an initializer.
std::int64_t piece_elements(Shape shape, const WeightPiece& piece) {
  for (const auto& [axis, interval] : piece.axes) shape[axis] = interval.extent();
  return element_count(shape);
}

class Writer {
 public:
  Writer(const Graph& run, const BoxWalk& walk, std::string input, std::string output)
      : run_(run), walk_(walk), input_(std::move(input)), output_(std::move(output)) {
    part_.name = run.name;
    part_.opsets = run.opsets;
    part_.ir_version = run.ir_version;
    part_.rest = run.rest;
  }

  Graph write() {
    const std::string& whole_input = run_.inputs.front().name;
    part_.inputs.push_back({input_, value_of(whole_input, walk_.input)});
    names_[whole_input] = input_;
    // The piece itself, where nothing has to be cropped from it.
    if (walk_.held.at(walk_.tensor) == walk_.wanted) names_[walk_.tensor] = output_;
    for (const BoxedNode& boxed : walk_.boxed) write_node(boxed);
    if (walk_.held.at(walk_.tensor) != walk_.wanted)
      crop(walk_.tensor, walk_.held.at(walk_.tensor), walk_.wanted, output_);
    part_.outputs.push_back({output_, value_of(walk_.tensor, walk_.wanted)});
    infer_shapes(part_);
    return std::move(part_);
  }

 private:
  // The batch stays as it is.
  Value value_of(const std::string& tensor, const Box& box) const {
    Value value = run_.value_of(tensor);
    for (std::size_t axis = 0; axis < box.size(); ++axis) {
      value.shape[axis + 1] = box[axis].extent();
      if (axis + 1 < value.symbols.size()) value.symbols[axis + 1].clear();
    }
    return value;
  }

  std::string name_of(const std::string& tensor) const {
    const auto found = names_.find(tensor);
    return found == names_.end() ? tensor : found->second;
  }

  void write_node(const BoxedNode& boxed) {
    Node node = boxed.node;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      std::string& name = node.inputs[i];
      if (name.empty()) continue;
      if (const auto own = boxed.constants.find(i); own != boxed.constants.end())
        name = add_constant(node.name + "_input" + std::to_string(i), own->second);
      else if (const auto piece = boxed.weights.find(i); piece != boxed.weights.end())
        name = add_piece(name, piece->second);
      else if (run_.is_initializer(name))
        part_.initializers.insert(*run_.initializers.find(name));
      else
        name = piece_of(name, boxed.inputs[i]);
    }
    for (const std::string& capture : node.captures)
      if (const auto found = run_.initializers.find(capture); found != run_.initializers.end())
        part_.initializers.insert(*found);
    for (std::string& name : node.outputs) name = name_of(name);
    part_.nodes.push_back(std::move(node));
  }

  // The activation as a node takes it.
  std::string piece_of(const std::string& tensor, const std::optional<Box>& box) {
    const Box& held = walk_.held.at(tensor);
    if (!box || *box == held) return name_of(tensor);
    const auto [entry, added] = crops_.emplace(tensor + '[' + to_string(*box) + ']', "");
    if (added) {
      entry->second = tensor + "_crop" + std::to_string(crops_.size());
      crop(tensor, held, *box, entry->second);
    }
    return entry->second;
  }

  void crop(const std::string& tensor, const Box& held, const Box& box, const std::string& name) {
    std::vector<std::int64_t> starts;
    std::vector<std::int64_t> ends;
    std::vector<std::int64_t> axes;
    for (std::size_t axis = 0; axis < box.size(); ++axis) {
      if (box[axis] == held[axis]) continue;
      starts.push_back(box[axis].begin - held[axis].begin);
      ends.push_back(box[axis].end - held[axis].begin);
      axes.push_back(static_cast<std::int64_t>(axis) + 1);
    }
    add_slice(part_, name_of(tensor), name, axes, starts, ends);
  }

  std::string add_constant(const std::string& name, const Tensor& tensor) {
    part_.initializers[name] = {.tensor = tensor};
    return name;
  }

  std::string add_piece(const std::string& weight, const WeightPiece& piece) {
    std::string name = weight;
    for (const auto& [axis, interval] : piece.axes)
      name += fmt::format(".{}_{}_{}", axis, interval.begin, interval.end);
    if (part_.initializers.contains(name)) return name;
    Tensor tensor = run_.initializers.at(weight).tensor;
    for (const auto& [axis, interval] : piece.axes)
      tensor = tensor.slice(axis, interval.begin, interval.end);
    return add_constant(name, tensor);
  }

  const Graph& run_;
  const BoxWalk& walk_;
  const std::string input_;
  const std::string output_;
  Graph part_;
  // Tensors that have another name in the part.
  std::map<std::string, std::string> names_;
  std::map<std::string, std::string> crops_;
};

}  // namespace

void add_slice(Graph& graph, const std::string& tensor, const std::string& name,
               const std::vector<std::int64_t>& axes, const std::vector<std::int64_t>& starts,
               const std::vector<std::int64_t>& ends) {
  Node node{.name = name, .op = "Slice", .domain = "", .inputs = {tensor}, .outputs = {name}};
  if (graph.opset() < 10) {
    node.attributes = {{"axes", axes}, {"starts", starts}, {"ends", ends}};
  } else {
    const Shape count = {static_cast<std::int64_t>(axes.size())};
    const auto constant = [&](const char* what, const std::vector<std::int64_t>& values) {
      const std::string constant_name = name + '_' + what;
      graph.initializers[constant_name] = {.tensor = Tensor::of<std::int64_t>(count, values)};
      node.inputs.push_back(constant_name);
    };
    constant("starts", starts);
    constant("ends", ends);
    constant("axes", axes);
  }
  graph.nodes.push_back(std::move(node));
}

BoxWalk walk_box(const Graph& run, const std::string& tensor, const Box& wanted) {
  Walk walk(run);
  walk.want(tensor, wanted);
  BoxWalk result = walk.walk(-1, nullptr);
  result.tensor = tensor;
  result.wanted = wanted;
  return result;
}

BoxWalk walk_partial_sum(const Graph& run, const Node& node, IndexRange channels) {
  const BoxedNode sum = partial_sum(run, node, channels);
  Walk walk(run);
  walk.want(node.outputs[0], sum.made);
  BoxWalk result = walk.walk(run.producer_of(node.outputs[0]), &sum);
  result.tensor = node.outputs[0];
  result.wanted = sum.made;
  return result;
}

Graph write_walk(const Graph& run, const BoxWalk& walk, const std::string& input,
                 const std::string& output) {
  return Writer(run, walk, input, output).write();
}

WalkCost cost_of(const Graph& run, const BoxWalk& walk, const GraphCost& cost) {
  WalkCost result;
  std::set<std::string> counted;
  for (std::size_t i = 0; i < walk.nodes.size(); ++i) {
    const Node& node = run.nodes[walk.nodes[i]];
    const BoxedNode& boxed = walk.boxed[i];
    const auto whole = static_cast<double>(element_count(whole_box(run, node.outputs[0])));
    const double share = static_cast<double>(element_count(boxed.made)) / whole * boxed.reduction;
    result.shares.push_back(share);
    result.macs += std::llround(share * static_cast<double>(cost.nodes[walk.nodes[i]].macs));
    for (std::size_t at = 0; at < boxed.node.inputs.size(); ++at) {
      const std::string& name = boxed.node.inputs[at];
      if (!run.is_initializer(name) || boxed.constants.contains(at)) continue;
      const auto piece = boxed.weights.find(at);
      if (piece == boxed.weights.end() && !counted.insert(name).second) continue;
      result.weights +=
          piece_elements(run.initializers.at(name).tensor.shape(),
                         piece == boxed.weights.end() ? WeightPiece{} : piece->second);
    }
  }
  return result;
}

}  // namespace isthmus
