#include "graph/evaluate.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "core/error.h"
#include "graph/evaluation.h"
#include "graph/onnx_proto.h"

namespace isthmus {

std::optional<Shape> integers_of(const Tensor* tensor, std::int64_t limit) {
  if (!tensor || tensor->size() > limit) return std::nullopt;
  if (tensor->dtype() == DType::kI64) {
    const auto values = tensor->values<std::int64_t>();
    return Shape(values.begin(), values.end());
  }
  if (tensor->dtype() == DType::kI32) {
    const auto values = tensor->values<std::int32_t>();
    return Shape(values.begin(), values.end());
  }
  return std::nullopt;
}

std::optional<Shape> integer_operand(const EvaluationContext& c, const char* attribute,
                                     std::size_t input, bool& found) {
  found = c.node.has(attribute) || c.has_input(input);
  if (c.node.has(attribute)) return c.node.integers(attribute, {});
  return integers_of(c.input(input));
}

std::optional<std::size_t> axis_of(std::int64_t axis, std::size_t rank) {
  const auto extent = static_cast<std::int64_t>(rank);
  if (axis < -extent || axis >= extent) return std::nullopt;
  return static_cast<std::size_t>(axis < 0 ? axis + extent : axis);
}

namespace {

EvaluationResults constant(const EvaluationContext& c) {
  for (const auto& [key, value] : c.node.attributes) {
    if (const auto* tensor = std::get_if<Tensor>(&value); tensor && key == "value")
      return {*tensor};
    if (const auto* number = std::get_if<std::int64_t>(&value); number && key == "value_int")
      return {Tensor::scalar(*number)};
    if (const auto* number = std::get_if<float>(&value); number && key == "value_float")
      return {Tensor::scalar(*number)};
    const auto* list = std::get_if<std::vector<std::int64_t>>(&value);
    if (list && key == "value_ints")
      return {Tensor::of({static_cast<std::int64_t>(list->size())}, *list)};
    const auto* floats = std::get_if<std::vector<float>>(&value);
    if (floats && key == "value_floats")
      return {Tensor::of({static_cast<std::int64_t>(floats->size())}, *floats)};
  }
  return {};
}

EvaluationResults identity(const EvaluationContext& c) {
  if (!c.input(0)) return {};
  return {*c.input(0)};
}

EvaluationResults reshape(const EvaluationContext& c) {
  bool found = false;
  const auto target = integer_operand(c, "shape", 1, found);
  if (!c.input(0) || !target) return {};
  const Shape& from = c.input(0)->shape();
  Shape shape = *target;
  const bool copies_zero = c.node.integer("allowzero", 0) == 0;
  std::optional<std::size_t> free;
  std::int64_t known = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && copies_zero) {
      if (i >= from.size()) return {};
      shape[i] = from[i];
    }
    if (shape[i] < 0) {
      if (free) return {};
      free = i;
    } else if (__builtin_mul_overflow(known, shape[i], &known)) {
      return {};
    }
  }
  if (free) {
    if (known == 0 || c.input(0)->size() % known != 0) return {};
    shape[*free] = c.input(0)->size() / known;
  }
  return {c.input(0)->reshaped(shape)};
}

EvaluationResults unsqueeze(const EvaluationContext& c) {
  bool found = false;
  const auto axes = integer_operand(c, "axes", 1, found);
  if (!c.input(0) || !axes) return {};
  const std::size_t rank = c.input(0)->shape().size() + axes->size();
  Shape shape(rank, 0);
  for (const std::int64_t axis : *axes) {
    const auto at = axis_of(axis, rank);
    if (!at || shape[*at] == 1) return {};
    shape[*at] = 1;
  }
  auto next = c.input(0)->shape().begin();
  for (std::int64_t& extent : shape)
    if (extent == 0) extent = *next++;
  return {c.input(0)->reshaped(shape)};
}

EvaluationResults squeeze(const EvaluationContext& c) {
  bool found = false;
  const auto axes = integer_operand(c, "axes", 1, found);
  if (!c.input(0) || (found && !axes)) return {};
  const Shape& from = c.input(0)->shape();
  std::vector<char> drop(from.size(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) drop[i] = !found && from[i] == 1;
  for (const std::int64_t axis : axes.value_or(Shape{})) {
    const auto at = axis_of(axis, from.size());
    if (!at || from[*at] != 1) return {};
    drop[*at] = 1;
  }
  Shape shape;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (!drop[i]) shape.push_back(from[i]);
  return {c.input(0)->reshaped(shape)};
}

EvaluationResults flatten(const EvaluationContext& c) {
  if (!c.input(0)) return {};
  const Shape& from = c.input(0)->shape();
  std::int64_t axis = c.node.integer("axis", 1);
  if (axis < 0) axis += static_cast<std::int64_t>(from.size());
  if (axis < 0 || axis > static_cast<std::int64_t>(from.size())) return {};
  const Shape head(from.begin(), from.begin() + axis);
  const Shape tail(from.begin() + axis, from.end());
  return {c.input(0)->reshaped({element_count(head), element_count(tail)})};
}

EvaluationResults range(const EvaluationContext& c) {
  const auto start = integers_of(c.input(0), 1);
  const auto end = integers_of(c.input(1), 1);
  const auto step = integers_of(c.input(2), 1);
  if (!start || !end || !step || start->size() + end->size() + step->size() != 3) return {};
  const std::int64_t by = step->front();
  std::vector<std::int64_t> values;
  std::int64_t at = start->front();
  while (by != 0 && (by > 0 ? at < end->front() : at > end->front())) {
    if (static_cast<std::int64_t>(values.size()) == c.limit) return {};
    values.push_back(at);
    if (__builtin_add_overflow(at, by, &at)) return {};
  }
  const Tensor wide = Tensor::of({static_cast<std::int64_t>(values.size())}, values);
  return {cast_tensor(wide, c.input(0)->dtype())};
}

EvaluationResults cast(const EvaluationContext& c) {
  const std::int64_t to = c.node.integer("to", 0);
  if (!c.input(0) || c.input(0)->size() > c.limit || !is_tensor_type(static_cast<std::int32_t>(to)))
    return {};
  Tensor result = cast_tensor(*c.input(0), static_cast<DType>(to));
  if (result.empty()) return {};
  return {result};
}

EvaluationResults reduce(const EvaluationContext& c) {
  if (!c.input(0) || c.node.has("axes") || c.has_input(1) || c.input(0)->size() > c.limit ||
      c.node.integer("noop_with_empty_axes", 0) != 0)
    return {};
  const auto values = integers_of(c.input(0), c.limit);
  if (!values || values->empty()) return {};
  std::int64_t result = values->front();
  for (const std::int64_t value : std::span(*values).subspan(1)) {
    bool overflow = false;
    if (c.node.op == "ReduceSum") overflow = __builtin_add_overflow(result, value, &result);
    if (c.node.op == "ReduceProd") overflow = __builtin_mul_overflow(result, value, &result);
    if (c.node.op == "ReduceMin") result = std::min(result, value);
    if (c.node.op == "ReduceMax") result = std::max(result, value);
    if (overflow) return {};
  }
  const bool keeps = c.node.integer("keepdims", 1) != 0;
  const Shape shape(keeps ? c.input(0)->shape().size() : 0, 1);
  return {cast_tensor(Tensor::scalar(result).reshaped(shape), c.input(0)->dtype())};
}

EvaluationResults elementwise(const EvaluationContext& c) {
  if (std::ranges::find(c.inputs, nullptr) != c.inputs.end()) return {};
  Tensor result = evaluate_elementwise(c.node, c.inputs, c.limit);
  if (result.empty()) return {};
  return {result};
}

const std::unordered_map<std::string, EvaluationResults (*)(const EvaluationContext&)>&
evaluators() {
  static const std::unordered_map<std::string, EvaluationResults (*)(const EvaluationContext&)>
      table = {
          {"Constant", constant},
          {"Identity", identity},
          {"Reshape", reshape},
          {"Unsqueeze", unsqueeze},
          {"Squeeze", squeeze},
          {"Flatten", flatten},
          {"Transpose", evaluate_transpose},
          {"Slice", evaluate_slice},
          {"Gather", evaluate_gather},
          {"Concat", evaluate_concat},
          {"Expand", evaluate_expand},
          {"ConstantOfShape", evaluate_constant_of_shape},
          {"Range", range},
          {"Split", evaluate_split},
          {"Cast", cast},
          {"ReduceSum", reduce},
          {"ReduceProd", reduce},
          {"ReduceMin", reduce},
          {"ReduceMax", reduce},
      };
  return table;
}

}  // namespace

std::vector<Tensor> evaluate_node(const Node& node, const std::vector<const Tensor*>& inputs,
                                  std::int64_t opset, std::int64_t limit) {
  if (!node.domain.empty()) return {};
  const EvaluationContext context{node, inputs, opset, limit};
  try {
    const auto found = evaluators().find(node.op);
    if (found != evaluators().end()) return found->second(context);
    if (is_elementwise(node.op)) return elementwise(context);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
    // An attribute of the wrong type, an impossible shape: the engine is the judge of wrong nodes.
  }
  return {};
}

std::vector<Tensor> evaluate_shape(const Node& node, const Value& input) {
  if (!input.has_shape) return {};
  const auto rank = static_cast<std::int64_t>(input.shape.size());
  std::int64_t start = 0;
  std::int64_t end = rank;
  try {
    if (node.op == "Size") return {Tensor::scalar(element_count(input.shape))};
    start = node.integer("start", 0);
    end = node.integer("end", rank);
  } catch (const Error&) {
    return {};
  }
  start = std::clamp<std::int64_t>(start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<std::int64_t>(end < 0 ? end + rank : end, start, rank);
  const Shape extents(input.shape.begin() + start, input.shape.begin() + end);
  if (std::ranges::any_of(extents, [](auto e) { return e < 0; })) return {};
  return {Tensor::of({static_cast<std::int64_t>(extents.size())}, extents)};
}

}  // namespace isthmus
