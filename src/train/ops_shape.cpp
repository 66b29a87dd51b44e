#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "core/tensor.h"
#include "train/torch_operator.h"
#include "train/torch_tensor.h"

namespace isthmus {
namespace {

using Extents = std::vector<std::int64_t>;

constexpr InputSet kSecond = 0b10;

at::Tensor list_of(const Extents& values) { return at::tensor(at::IntArrayRef(values), at::kLong); }

// 0 copies the extent at the same place, unless allowzero; -1 is what is left.
TorchTensors reshape(const TorchCall& call) {
  const at::Tensor& x = call[0];
  Extents shape = call.operand("shape", 1).value_or(Extents{});
  if (call.node.integer("allowzero", 0) == 0) {
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] != 0) continue;
      if (static_cast<std::int64_t>(i) >= x.dim()) call.complain("0 has no extent to copy");
      shape[i] = x.size(static_cast<std::int64_t>(i));
    }
  }
  return {x.reshape(shape)};
}

TorchTensors flatten(const TorchCall& call) {
  const at::Tensor& x = call[0];
  std::int64_t axis = call.node.integer("axis", 1);
  if (axis < 0) axis += x.dim();
  if (axis < 0 || axis > x.dim()) call.complain("axis is out of range");
  const auto extents = x.sizes();
  const std::int64_t rows =
      std::accumulate(extents.begin(), extents.begin() + axis, std::int64_t{1}, std::multiplies());
  return {x.reshape({rows, x.numel() == 0 ? 0 : x.numel() / rows})};
}

TorchTensors squeeze(const TorchCall& call) {
  const at::Tensor& x = call[0];
  auto axes = call.operand("axes", 1);
  if (axes)
    for (std::int64_t& axis : *axes) axis = call.wrapped(axis, x.dim());
  Extents shape;
  for (std::int64_t i = 0; i < x.dim(); ++i) {
    const bool named = axes && std::ranges::find(*axes, i) != axes->end();
    if (named && x.size(i) != 1) call.complain("axis " + std::to_string(i) + " is not 1");
    if (!(axes ? named : x.size(i) == 1)) shape.push_back(x.size(i));
  }
  return {x.reshape(shape)};
}

TorchTensors unsqueeze(const TorchCall& call) {
  const at::Tensor& x = call[0];
  Extents axes = call.operand("axes", 1).value_or(Extents{});
  const std::int64_t rank = x.dim() + static_cast<std::int64_t>(axes.size());
  for (std::int64_t& axis : axes) axis = call.wrapped(axis, rank);
  Extents shape;
  auto next = x.sizes().begin();
  for (std::int64_t i = 0; i < rank; ++i)
    shape.push_back(std::ranges::find(axes, i) != axes.end() ? 1 : *next++);
  return {x.reshape(shape)};
}

TorchTensors transpose(const TorchCall& call) {
  Extents order(static_cast<std::size_t>(call[0].dim()));
  std::iota(order.rbegin(), order.rend(), 0);
  return {call[0].permute(call.node.integers("perm", order))};
}

// Both ways: an extent of 1 here or there stretches.
TorchTensors expand(const TorchCall& call) {
  const at::Tensor& x = call[0];
  Extents shape = call.integers(1);
  const auto rank = static_cast<std::size_t>(x.dim());
  if (shape.size() < rank) shape.insert(shape.begin(), rank - shape.size(), 1);
  for (std::size_t i = 0; i < rank; ++i) {
    std::int64_t& extent = shape[shape.size() - rank + i];
    if (extent == 1) extent = x.size(static_cast<std::int64_t>(i));
  }
  return {x.expand(shape)};
}

TorchTensors shape(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const auto place = [&](const char* key, std::int64_t fallback) {
    const std::int64_t at = call.node.integer(key, fallback);
    return std::clamp<std::int64_t>(at < 0 ? at + x.dim() : at, 0, x.dim());
  };
  const std::int64_t start = place("start", 0);
  const std::int64_t end = std::max(start, place("end", x.dim()));
  return {list_of({x.sizes().begin() + start, x.sizes().begin() + end})};
}

TorchTensors size(const TorchCall& call) { return {at::scalar_tensor(call[0].numel(), at::kLong)}; }

TorchTensors identity(const TorchCall& call) { return {call[0]}; }

TorchTensors concat(const TorchCall& call) {
  return {at::cat(call.inputs, call.axis("axis", 1, call[0].dim()))};
}

// Sizes are given, or as equal as it goes with the last one smaller.
TorchTensors split(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t axis = call.axis("axis", 0, x.dim());
  const auto sizes = call.operand("split", 1);
  if (sizes) return at::split_with_sizes(x, *sizes, axis);
  const auto count = static_cast<std::int64_t>(call.node.outputs.size());
  return at::split(x, (x.size(axis) + count - 1) / count, axis);
}

TorchTensors tile(const TorchCall& call) { return {call[0].repeat(call.integers(1))}; }

TorchTensors constant(const TorchCall& call) {
  for (const auto& [key, value] : call.node.attributes) {
    if (const auto* tensor = std::get_if<Tensor>(&value)) return {to_torch(*tensor)};
    if (const auto* whole = std::get_if<std::int64_t>(&value))
      return {at::scalar_tensor(*whole, at::kLong)};
    if (const auto* real = std::get_if<float>(&value))
      return {at::scalar_tensor(*real, at::kFloat)};
    if (const auto* list = std::get_if<Extents>(&value)) return {list_of(*list)};
    if (const auto* list = std::get_if<std::vector<float>>(&value))
      return {at::tensor(at::ArrayRef<float>(*list), at::kFloat)};
  }
  call.refuse("a constant that is no tensor of numbers");
}

TorchTensors constant_of_shape(const TorchCall& call) {
  const auto value = call.node.attributes.find("value");
  if (value == call.node.attributes.end()) return {at::zeros(call.integers(0), at::kFloat)};
  const auto* tensor = std::get_if<Tensor>(&value->second);
  if (!tensor || tensor->size() != 1) call.complain("value must be one number");
  return {to_torch(*tensor).reshape({}).expand(call.integers(0)).contiguous()};
}

TorchTensors range(const TorchCall& call) {
  const at::ScalarType type = call[0].scalar_type();
  if (at::isFloatingType(type)) return {at::arange(call.real(0), call.real(1), call.real(2), type)};
  const auto number = [&](std::size_t i) { return call.integers(i).at(0); };
  const std::int64_t step = number(2);
  // libtorch refuses a range that runs away from its end; here it is empty.
  if ((number(1) - number(0)) * step <= 0) return {at::empty({0}, type)};
  return {at::arange(number(0), number(1), step, type)};
}

// Channels to blocks of b x b places. DCR: depth, row, column of the block; CRD: channel first.
TorchTensors depth_to_space(const TorchCall& call) {
  const at::Tensor& x = call[0];
  if (x.dim() != 4) call.complain("the input must be NCHW");
  const std::int64_t b = call.node.integer("blocksize", 1);
  const std::int64_t n = x.size(0), c = x.size(1) / (b * b), h = x.size(2), w = x.size(3);
  const bool channel_first = call.node.text("mode", "DCR") == "CRD";
  const at::Tensor blocks = channel_first
                                ? x.reshape({n, c, b, b, h, w}).permute({0, 1, 4, 2, 5, 3})
                                : x.reshape({n, b, b, c, h, w}).permute({0, 3, 4, 1, 5, 2});
  return {blocks.reshape({n, c, h * b, w * b})};
}

TorchTensors space_to_depth(const TorchCall& call) {
  const at::Tensor& x = call[0];
  if (x.dim() != 4) call.complain("the input must be NCHW");
  const std::int64_t b = call.node.integer("blocksize", 1);
  const std::int64_t n = x.size(0), c = x.size(1), h = x.size(2) / b, w = x.size(3) / b;
  return {x.reshape({n, c, h, b, w, b}).permute({0, 3, 5, 1, 2, 4}).reshape({n, c * b * b, h, w})};
}

// `k` diagonals above the main one.
TorchTensors triangle(const TorchCall& call) {
  const std::int64_t k = call.has(1) ? call.integers(1).at(0) : 0;
  const bool upper = call.node.integer("upper", 1) != 0;
  return {upper ? at::triu(call[0], k) : at::tril(call[0], k)};
}

TorchTensors eye_like(const TorchCall& call) {
  const at::Tensor& x = call[0];
  if (x.dim() != 2) call.complain("the input must be a matrix");
  const at::ScalarType type = call.node.has("dtype")
                                  ? torch_type(static_cast<DType>(call.node.integer("dtype", 1)))
                                  : x.scalar_type();
  const at::Tensor row = at::arange(x.size(0)).unsqueeze(1);
  const at::Tensor column = at::arange(x.size(1)).unsqueeze(0);
  return {(column - row).eq(call.node.integer("k", 0)).to(type)};
}

TorchOperator shaped_by(InputSet host, TorchTensors (*run)(const TorchCall&)) {
  return {.run = run, .gradient = kFirstInput, .host = host};
}

TorchOperator made(TorchTensors (*run)(const TorchCall&)) {
  return {.run = run, .gradient = kNoInput, .host = kAllInputs};
}

// Looks at the shape only.
TorchOperator looked_at(TorchTensors (*run)(const TorchCall&)) {
  return {.run = run, .gradient = kNoInput};
}

}  // namespace

TorchOperators shape_operators() {
  return {{"Reshape", shaped_by(kSecond, reshape)},
          {"Flatten", {flatten}},
          {"Squeeze", shaped_by(kSecond, squeeze)},
          {"Unsqueeze", shaped_by(kSecond, unsqueeze)},
          {"Transpose", {transpose}},
          {"Expand", shaped_by(kSecond, expand)},
          {"Tile", shaped_by(kSecond, tile)},
          {"Identity", {identity}},
          {"Concat", {concat}},
          {"Split", shaped_by(kSecond, split)},
          {"DepthToSpace", {depth_to_space}},
          {"SpaceToDepth", {space_to_depth}},
          {"Trilu", shaped_by(kSecond, triangle)},
          {"Shape", looked_at(shape)},
          {"Size", looked_at(size)},
          {"EyeLike", looked_at(eye_like)},
          {"Constant", made(constant)},
          {"ConstantOfShape", made(constant_of_shape)},
          {"Range", made(range)}};
}

}  // namespace isthmus
