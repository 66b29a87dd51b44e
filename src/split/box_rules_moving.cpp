// Operators that move elements: joining, cropping, padding, views.
#include <algorithm>
#include <functional>
#include <numeric>

#include "split/box_rules.h"

namespace isthmus {
namespace {

std::optional<std::size_t> axis_behind_batch(std::int64_t axis, std::size_t rank) {
  if (axis < 0) axis += static_cast<std::int64_t>(rank);
  if (axis < 1 || axis >= static_cast<std::int64_t>(rank)) return std::nullopt;
  return static_cast<std::size_t>(axis - 1);
}

std::optional<BoxedNode> concat(const BoxContext& context, const Box& wanted) {
  const auto axis =
      axis_behind_batch(context.node.integer("axis", 1), context.output_shape().size());
  if (!axis) return std::nullopt;
  BoxedNode result = context.begin(wanted);
  result.node.inputs.clear();
  result.inputs.clear();
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < context.node.inputs.size(); ++i) {
    if (!context.is_activation(i)) return std::nullopt;
    const std::int64_t extent = context.whole_input(i)[*axis].extent();
    const IndexRange here = intersection(wanted[*axis], {offset, offset + extent});
    if (here.extent() > 0) {
      Box piece = wanted;
      piece[*axis] = {here.begin - offset, here.end - offset};
      result.node.inputs.push_back(context.node.inputs[i]);
      result.inputs.emplace_back(std::move(piece));
    }
    offset += extent;
  }
  return result;
}

// batch x C x H x W -> batch x CHW: features come in whole channels.
std::optional<BoxedNode> flattening(const BoxContext& context, const Box& wanted) {
  const Box input = context.whole_input(0);
  if (wanted.size() != 1 || input.empty()) return std::nullopt;
  const std::int64_t channel = element_count(Box(input.begin() + 1, input.end()));
  BoxedNode result = context.begin(wanted);
  const IndexRange channels{wanted[0].begin / channel, (wanted[0].end + channel - 1) / channel};
  result.made[0] = {channels.begin * channel, channels.end * channel};
  result.inputs[0] = input;
  (*result.inputs[0])[0] = channels;
  return result;
}

std::optional<BoxedNode> flatten(const BoxContext& context, const Box& wanted) {
  const auto rank = static_cast<std::int64_t>(context.input_shape(0).size());
  std::int64_t axis = context.node.integer("axis", 1);
  if (axis < 0) axis += rank;
  if (axis != 1) return std::nullopt;
  return flattening(context, wanted);
}

// One that flattens becomes a Flatten, which needs no extents.
std::optional<BoxedNode> reshape(const BoxContext& context, const Box& wanted) {
  const Shape input = context.input_shape(0);
  const Shape output = context.output_shape();
  if (input.empty() || output.size() != 2 || input[0] != output[0] || !context.is_weight(1))
    return std::nullopt;
  if (element_count(context.whole_input(0)) != output[1]) return std::nullopt;
  auto result = flattening(context, wanted);
  if (!result) return result;
  result->node.op = "Flatten";
  result->node.attributes = {{"axis", std::int64_t{1}}};
  result->node.inputs.resize(1);
  result->inputs.resize(1);
  return result;
}

// Means over axes behind the batch: those are needed whole.
std::optional<BoxedNode> reduce(const BoxContext& context, const Box& wanted) {
  const auto axes = context.constants(1, "axes");
  const std::size_t rank = context.input_shape(0).size();
  if (!axes || axes->empty()) return std::nullopt;
  const bool keeps = context.node.integer("keepdims", 1) != 0;
  std::vector<bool> reduced(rank, false);
  for (const std::int64_t axis : *axes) {
    const auto at = axis_behind_batch(axis, rank);
    if (!at) return std::nullopt;
    reduced[*at + 1] = true;
  }
  BoxedNode result = context.begin(wanted);
  Box input = context.whole_input(0);
  std::size_t next = 0;
  for (std::size_t axis = 1; axis < rank; ++axis) {
    if (reduced[axis]) {
      next += keeps ? 1 : 0;
    } else {
      input[axis - 1] = wanted[next++];
    }
  }
  result.inputs[0] = std::move(input);
  return result;
}

// Crops with a positive step. The piece is a crop of the rows that it needs, from the first.
std::optional<BoxedNode> slice(const BoxContext& context, const Box& wanted) {
  if (context.graph.opset() < 10) return std::nullopt;
  const auto starts = context.constants(1, "starts");
  const std::size_t rank = context.input_shape(0).size();
  if (!starts || !context.constants(2, "ends")) return std::nullopt;
  std::vector<std::int64_t> axes(starts->size());
  std::iota(axes.begin(), axes.end(), 0);
  if (context.node.inputs.size() > 3 && !context.node.inputs[3].empty()) {
    const auto given = context.constants(3, "axes");
    if (!given) return std::nullopt;
    axes = *given;
  }
  std::vector<std::int64_t> steps(starts->size(), 1);
  if (context.node.inputs.size() > 4 && !context.node.inputs[4].empty()) {
    const auto given = context.constants(4, "steps");
    if (!given) return std::nullopt;
    steps = *given;
  }
  if (axes.size() != starts->size() || steps.size() != starts->size()) return std::nullopt;
  Box input = wanted;
  const Box whole = context.whole_input(0);
  std::vector<std::int64_t> ends;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = axis_behind_batch(axes[i], rank);
    if (!axis || steps[i] < 1) return std::nullopt;
    const std::int64_t extent = whole[*axis].end;
    const std::int64_t from = (*starts)[i] < 0 ? (*starts)[i] + extent : (*starts)[i];
    const std::int64_t start = std::clamp<std::int64_t>(from, 0, extent);
    input[*axis] = {start + wanted[*axis].begin * steps[i],
                    start + (wanted[*axis].end - 1) * steps[i] + 1};
    ends.push_back(input[*axis].extent());
  }
  BoxedNode result = context.begin(wanted);
  result.inputs[0] = std::move(input);
  const Shape count = {static_cast<std::int64_t>(axes.size())};
  const std::vector<std::int64_t> zeros(axes.size(), 0);
  result.constants[1] = Tensor::of<std::int64_t>(count, zeros);
  result.constants[2] = Tensor::of<std::int64_t>(count, ends);
  // All of one type.
  if (context.is_weight(3)) result.constants[3] = Tensor::of<std::int64_t>(count, axes);
  if (context.is_weight(4)) result.constants[4] = Tensor::of<std::int64_t>(count, steps);
  return result;
}

// The range itself, or with what lies between it and the nearest index of `other`, that one
// included, where they do not meet.
IndexRange reaching(const IndexRange& range, const IndexRange& other) {
  if (range.end <= other.begin) return {range.begin, other.begin + 1};
  if (other.end <= range.begin) return {other.end - 1, range.end};
  return range;
}

// Constant padding: the piece's own share of it is left to do. A piece of nothing but padding is
// made together with the element beside it, for there are no parts without an input.
std::optional<BoxedNode> pad(const BoxContext& context, const Box& wanted) {
  if (context.node.text("mode", "constant") != "constant") return std::nullopt;
  const auto pads = context.constants(1, "pads");
  const std::size_t rank = context.input_shape(0).size();
  if (!pads || pads->size() != 2 * rank || (*pads)[0] != 0 || (*pads)[rank] != 0 ||
      context.node.inputs.size() > 3)
    return std::nullopt;
  const Box whole = context.whole_input(0);
  Box input = wanted;
  Box made = wanted;
  std::vector<std::int64_t> left(2 * rank, 0);
  for (std::size_t axis = 1; axis < rank; ++axis) {
    if ((*pads)[axis] < 0 || (*pads)[axis + rank] < 0) return std::nullopt;
    const std::int64_t before = (*pads)[axis];
    made[axis - 1] = reaching(wanted[axis - 1], {before, before + whole[axis - 1].end});
    const IndexRange reach{made[axis - 1].begin - before, made[axis - 1].end - before};
    input[axis - 1] = intersection(reach, whole[axis - 1]);
    left[axis] = input[axis - 1].begin - reach.begin;
    left[axis + rank] = reach.end - input[axis - 1].end;
  }
  BoxedNode result = context.begin(wanted);
  result.made = std::move(made);
  result.inputs[0] = std::move(input);
  if (context.node.has("pads"))
    result.node.attributes["pads"] = left;
  else
    result.constants[1] = Tensor::of<std::int64_t>({static_cast<std::int64_t>(left.size())}, left);
  return result;
}

}  // namespace

const BoxRules& moving_box_rules() {
  static const BoxRules rules = {
      {"Concat", concat},     {"Flatten", flatten},  {"Reshape", reshape},
      {"ReduceMean", reduce}, {"ReduceSum", reduce}, {"ReduceMax", reduce},
      {"ReduceMin", reduce},  {"Slice", slice},      {"Pad", pad}};
  return rules;
}

}  // namespace isthmus
