#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "graph/evaluation.h"

namespace isthmus {
namespace {

// Row-major strides in elements.
Shape strides_of(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

// A tensor of `shape` whose element at index (i, j, ...) is the source's at
// offset + i * strides[0] + j * strides[1] + ...; nothing over the limit.
EvaluationResults gathered(const Tensor& source, const Shape& shape, std::int64_t offset,
                           const Shape& strides, std::int64_t limit) {
  if (element_count(shape) > limit) return {};
  Tensor result(source.dtype(), shape);
  const std::size_t width = byte_size(source.dtype());
  Shape index(shape.size(), 0);
  std::byte* out = result.mutable_bytes().data();
  for (std::int64_t n = 0; n < result.size(); ++n, out += width) {
    const std::int64_t at = std::inner_product(index.begin(), index.end(), strides.begin(), offset);
    std::memcpy(out, source.bytes().data() + static_cast<std::size_t>(at) * width, width);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return {result};
}

struct Picked {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

// The indices from `start` (in) to `end` (out) by `step`, which is not 0, of an axis; ONNX's rules
// for what lies outside or counts from the end.
Picked pick(std::int64_t extent, std::int64_t start, std::int64_t end, std::int64_t step) {
  if (extent == 0) return {};
  const auto from_end = [&](std::int64_t at) { return at < 0 ? at + extent : at; };
  const std::int64_t last = extent - 1;
  if (step > 0) {
    start = std::clamp<std::int64_t>(from_end(start), 0, extent);
    end = std::clamp<std::int64_t>(from_end(end), 0, extent);
  } else {
    start = std::clamp<std::int64_t>(from_end(start), 0, last);
    end = std::clamp<std::int64_t>(from_end(end), -1, last);
  }
  const std::int64_t length = step > 0 ? end - start : start - end;
  return {start, length > 0 ? 1 + (length - 1) / std::abs(step) : 0};
}

}  // namespace

EvaluationResults evaluate_transpose(const EvaluationContext& c) {
  if (!c.input(0)) return {};
  const Shape& from = c.input(0)->shape();
  Shape order(from.size());
  std::iota(order.rbegin(), order.rend(), 0);
  order = c.node.integers("perm", order);
  if (order.size() != from.size()) return {};
  const Shape steps = strides_of(from);
  Shape shape;
  Shape strides;
  for (const std::int64_t axis : order) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(from.size())) return {};
    shape.push_back(from[static_cast<std::size_t>(axis)]);
    strides.push_back(steps[static_cast<std::size_t>(axis)]);
  }
  return gathered(*c.input(0), shape, 0, strides, c.limit);
}

EvaluationResults evaluate_slice(const EvaluationContext& c) {
  bool found = false;
  bool has_axes = false;
  bool has_steps = false;
  const auto starts = integer_operand(c, "starts", 1, found);
  const auto ends = integer_operand(c, "ends", 2, found);
  auto axes = integer_operand(c, "axes", 3, has_axes);
  auto steps = integer_operand(c, "steps", 4, has_steps);
  if (!c.input(0) || !starts || !ends || (has_axes && !axes) || (has_steps && !steps)) return {};
  if (!axes) {
    axes = Shape(starts->size());
    std::iota(axes->begin(), axes->end(), 0);
  }
  if (!steps) steps = Shape(starts->size(), 1);
  if (ends->size() != starts->size() || axes->size() != starts->size() ||
      steps->size() != starts->size())
    return {};
  Shape shape = c.input(0)->shape();
  Shape strides = strides_of(shape);
  std::int64_t offset = 0;
  std::vector<char> seen(shape.size(), 0);
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const auto axis = axis_of((*axes)[i], shape.size());
    // A step of the most negative number has no opposite.
    const std::int64_t step = axis ? (*steps)[i] : 0;
    if (step == 0 || step == std::numeric_limits<std::int64_t>::min() || seen[*axis]++) return {};
    const std::int64_t extent = shape[*axis];
    const Picked picked = pick(extent, (*starts)[i], (*ends)[i], step);
    shape[*axis] = picked.count;
    if (shape[*axis] > 0) offset += picked.first * strides[*axis];
    strides[*axis] = shape[*axis] > 1 ? strides[*axis] * step : 0;
  }
  if (element_count(shape) == 0) return {Tensor(c.input(0)->dtype(), shape)};
  return gathered(*c.input(0), shape, offset, strides, c.limit);
}

EvaluationResults evaluate_gather(const EvaluationContext& c) {
  const auto indices = integers_of(c.input(1), c.limit);
  if (!c.input(0) || !indices) return {};
  const Shape& from = c.input(0)->shape();
  const auto axis = axis_of(c.node.integer("axis", 0), from.size());
  if (!axis) return {};
  const auto at = from.begin() + static_cast<std::ptrdiff_t>(*axis);
  const Shape before(from.begin(), at);
  const Shape after(at + 1, from.end());
  Shape shape = before;
  shape.insert(shape.end(), c.input(1)->shape().begin(), c.input(1)->shape().end());
  shape.insert(shape.end(), after.begin(), after.end());
  if (element_count(shape) > c.limit) return {};
  Tensor result(c.input(0)->dtype(), shape);
  const std::size_t block =
      static_cast<std::size_t>(element_count(after)) * byte_size(result.dtype());
  std::byte* out = result.mutable_bytes().data();
  for (std::int64_t outer = 0; outer < element_count(before) && result.size() > 0; ++outer) {
    for (const std::int64_t index : *indices) {
      if (index < -*at || index >= *at) return {};
      const std::int64_t row = outer * *at + (index < 0 ? index + *at : index);
      std::memcpy(out, c.input(0)->bytes().data() + static_cast<std::size_t>(row) * block, block);
      out += block;
    }
  }
  return {result};
}

EvaluationResults evaluate_concat(const EvaluationContext& c) {
  if (c.inputs.empty() || std::ranges::find(c.inputs, nullptr) != c.inputs.end()) return {};
  const Tensor& first = *c.inputs[0];
  const auto axis = axis_of(c.node.integer("axis", c.opset < 4 ? 1 : 0), first.shape().size());
  if (!axis) return {};
  Shape shape = first.shape();
  shape[*axis] = 0;
  std::int64_t total = 0;
  for (const Tensor* input : c.inputs) {
    Shape other = input->shape();
    if (other.size() != shape.size() || input->dtype() != first.dtype()) return {};
    shape[*axis] += std::exchange(other[*axis], shape[*axis]);
    other[*axis] = shape[*axis];
    if (other != shape) return {};
    total += input->size();
    if (total > c.limit) return {};
  }
  Tensor result(first.dtype(), shape);
  std::byte* out = result.mutable_bytes().data();
  const auto at = shape.begin() + static_cast<std::ptrdiff_t>(*axis);
  const std::int64_t rows = element_count(Shape(shape.begin(), at));
  for (std::int64_t row = 0; row < rows && result.size() > 0; ++row) {
    for (const Tensor* input : c.inputs) {
      const std::size_t block = input->bytes().size() / static_cast<std::size_t>(rows);
      if (block == 0) continue;
      std::memcpy(out, input->bytes().data() + static_cast<std::size_t>(row) * block, block);
      out += block;
    }
  }
  return {result};
}

EvaluationResults evaluate_expand(const EvaluationContext& c) {
  const auto target = integers_of(c.input(1));
  if (!c.input(0) || !target) return {};
  const auto shape = broadcast_shape(c.input(0)->shape(), *target);
  if (!shape || element_count(*shape) > c.limit) return {};
  return gathered(*c.input(0), *shape, 0, broadcast_strides(c.input(0)->shape(), *shape), c.limit);
}

EvaluationResults evaluate_constant_of_shape(const EvaluationContext& c) {
  const auto shape = integers_of(c.input(0));
  if (!shape || std::ranges::any_of(*shape, [](auto e) { return e < 0; })) return {};
  Tensor value = Tensor::scalar(0.0F);
  if (const auto found = c.node.attributes.find("value"); found != c.node.attributes.end()) {
    const auto* tensor = std::get_if<Tensor>(&found->second);
    if (!tensor || tensor->size() != 1) return {};
    value = *tensor;
  }
  return gathered(value, *shape, 0, Shape(shape->size(), 0), c.limit);
}

EvaluationResults evaluate_split(const EvaluationContext& c) {
  bool found = false;
  auto sizes = integer_operand(c, "split", 1, found);
  if (!c.input(0) || (found && !sizes) || c.node.outputs.empty()) return {};
  const Shape& from = c.input(0)->shape();
  const auto axis = axis_of(c.node.integer("axis", 0), from.size());
  if (!axis || c.input(0)->size() > c.limit) return {};
  const auto count = static_cast<std::int64_t>(c.node.outputs.size());
  if (!sizes) {
    const std::int64_t piece = (from[*axis] + count - 1) / count;
    sizes = Shape();
    for (std::int64_t i = 0; i < count; ++i)
      sizes->push_back(std::clamp<std::int64_t>(from[*axis] - i * piece, 0, piece));
  }
  if (static_cast<std::int64_t>(sizes->size()) != count) return {};
  EvaluationResults results;
  const Shape strides = strides_of(from);
  std::int64_t start = 0;
  for (const std::int64_t size : *sizes) {
    if (size < 0 || size > from[*axis] - start) return {};
    Shape shape = from;
    shape[*axis] = size;
    EvaluationResults piece =
        gathered(*c.input(0), shape, start * strides[*axis], strides, c.limit);
    if (piece.empty()) return {};
    results.push_back(piece[0]);
    start += size;
  }
  return results;
}

}  // namespace isthmus
