#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "train/torch_operator.h"

namespace isthmus {
namespace {

using Extents = std::vector<std::int64_t>;

// Indices from the end are negative in ONNX.
at::Tensor from_front(const at::Tensor& indices, std::int64_t extent) {
  const at::Tensor wide = indices.to(at::kLong);
  return at::where(wide < 0, wide + extent, wide);
}

at::Tensor list_of(const Extents& values, const at::Tensor& like) {
  return at::tensor(at::IntArrayRef(values), at::kLong).to(like.device());
}

// One axis from `start` to `end` (not included), backwards too; both may lie beyond the ends.
at::Tensor slice_axis(const TorchCall& call, const at::Tensor& x, std::int64_t axis,
                      std::int64_t start, std::int64_t end, std::int64_t step) {
  const std::int64_t extent = x.size(axis);
  if (step == 0) call.complain("a step of 0");
  if (start < 0) start += extent;
  // Added with care: the end may be the smallest of all numbers.
  if (end < 0) end = std::max<std::int64_t>(end, -extent - 1) + extent;
  if (step > 0) {
    start = std::clamp<std::int64_t>(start, 0, extent);
    return at::slice(x, axis, start, std::clamp(end, start, extent),
                     std::min(step, std::max<std::int64_t>(extent, 1)));
  }
  start = std::min(start, extent - 1);
  Extents places;
  for (std::int64_t i = start; i > std::max<std::int64_t>(end, -1); i += step) places.push_back(i);
  return at::index_select(x, axis, list_of(places, x));
}

// Attributes up to opset 9, inputs from 10 on.
TorchTensors slice(const TorchCall& call) {
  at::Tensor x = call[0];
  const auto starts = call.operand("starts", 1);
  const auto ends = call.operand("ends", 2);
  if (!starts || !ends || starts->size() != ends->size())
    call.complain("starts and ends do not belong together");
  Extents every(starts->size());
  std::iota(every.begin(), every.end(), 0);
  const Extents axes = call.operand("axes", 3).value_or(every);
  const Extents steps = call.operand("steps", 4).value_or(Extents(starts->size(), 1));
  if (axes.size() != starts->size() || steps.size() != starts->size())
    call.complain("axes or steps has the wrong length");
  for (std::size_t i = 0; i < axes.size(); ++i)
    x = slice_axis(call, x, call.wrapped(axes[i], x.dim()), (*starts)[i], (*ends)[i], steps[i]);
  return {x};
}

TorchTensors gather(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t axis = call.axis("axis", 0, x.dim());
  const at::Tensor indices = from_front(call[1], x.size(axis));
  const at::Tensor picked = at::index_select(x, axis, indices.flatten());
  Extents shape(x.sizes().begin(), x.sizes().begin() + axis);
  shape.insert(shape.end(), indices.sizes().begin(), indices.sizes().end());
  shape.insert(shape.end(), x.sizes().begin() + axis + 1, x.sizes().end());
  return {picked.reshape(shape)};
}

TorchTensors gather_elements(const TorchCall& call) {
  const std::int64_t axis = call.axis("axis", 0, call[0].dim());
  return {at::gather(call[0], axis, from_front(call[1], call[0].size(axis)))};
}

// Rows of `indices` (their last axis) as numbers of slices of x, whose axes from `first` on they
// count.
at::Tensor linear_places(const at::Tensor& x, const at::Tensor& indices, std::int64_t first) {
  const std::int64_t depth = indices.size(-1);
  at::Tensor places = at::zeros({1}, indices.options().dtype(at::kLong));
  for (std::int64_t i = 0; i < depth; ++i) {
    const std::int64_t extent = x.size(first + i);
    places = places * extent + from_front(indices.select(-1, i), extent);
  }
  return places;
}

TorchTensors gather_nd(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const at::Tensor& indices = call[1];
  const std::int64_t batch_axes = call.node.integer("batch_dims", 0);
  const std::int64_t depth = indices.size(-1);
  const std::int64_t picked_axes = batch_axes + depth;
  const Extents batch(x.sizes().begin(), x.sizes().begin() + batch_axes);
  const std::int64_t batches =
      std::accumulate(batch.begin(), batch.end(), std::int64_t{1}, std::multiplies());
  const Extents slice_shape(x.sizes().begin() + picked_axes, x.sizes().end());
  Extents rows = {-1};
  rows.insert(rows.end(), slice_shape.begin(), slice_shape.end());
  const at::Tensor slices = x.reshape(rows);
  const at::Tensor places = linear_places(x, indices, batch_axes).reshape({batches, -1});
  const at::Tensor offsets =
      at::arange(batches, places.options()).unsqueeze(1) * (slices.size(0) / batches);
  Extents shape(indices.sizes().begin(), indices.sizes().end() - 1);
  shape.insert(shape.end(), slice_shape.begin(), slice_shape.end());
  return {at::index_select(slices, 0, (places + offsets).flatten()).reshape(shape)};
}

TorchTensors scatter_elements(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t axis = call.axis("axis", 0, x.dim());
  const at::Tensor places = from_front(call[1], x.size(axis));
  const std::string how = call.node.text("reduction", "none");
  if (how == "none") return {at::scatter(x, axis, places, call[2])};
  if (how == "add") return {at::scatter_add(x, axis, places, call[2])};
  call.refuse("reduction " + how);
}

TorchTensors scatter_nd(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const std::int64_t depth = call[1].size(-1);
  Extents rows = {-1};
  rows.insert(rows.end(), x.sizes().begin() + depth, x.sizes().end());
  const at::Tensor places = linear_places(x, call[1], 0).flatten();
  const at::Tensor slices = x.reshape(rows);
  const at::Tensor updates = call[2].reshape(rows);
  const std::string how = call.node.text("reduction", "none");
  if (how == "none") return {at::index_copy(slices, 0, places, updates).reshape(x.sizes())};
  if (how == "add") return {at::index_add(slices, 0, places, updates).reshape(x.sizes())};
  call.refuse("reduction " + how);
}

// Where the padded place i comes from, for an axis of `extent`.
std::int64_t source_of(std::int64_t i, std::int64_t extent, const std::string& mode) {
  if (mode == "edge") return std::clamp<std::int64_t>(i, 0, extent - 1);
  const std::int64_t period = mode == "wrap" ? extent : std::max<std::int64_t>(2 * extent - 2, 1);
  const std::int64_t at = ((i % period) + period) % period;
  return at < extent ? at : period - at;
}

at::Tensor pad_from_itself(at::Tensor x, const Extents& begin, const Extents& end,
                           const std::string& mode) {
  for (std::size_t i = 0; i < begin.size(); ++i) {
    if (begin[i] == 0 && end[i] == 0) continue;
    const auto axis = static_cast<std::int64_t>(i);
    Extents sources;
    for (std::int64_t at = -begin[i]; at < x.size(axis) + end[i]; ++at)
      sources.push_back(source_of(at, x.size(axis), mode));
    x = at::index_select(x, axis, list_of(sources, x));
  }
  return x;
}

double padding_value(const TorchCall& call) {
  if (call.has(2)) return call.real(2);
  return call.node.real("value", 0);
}

// Pads of all axes in front and then of all behind; of some axes only from opset 18 on.
TorchTensors pad(const TorchCall& call) {
  const at::Tensor& x = call[0];
  const auto rank = static_cast<std::size_t>(x.dim());
  const auto pads = call.operand("pads", 1);
  if (!pads) call.complain("pads is missing");
  Extents axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (call.has(3)) axes = call.integers(3);
  if (pads->size() != 2 * axes.size()) call.complain("pads has the wrong length");
  Extents begin(rank, 0);
  Extents end(rank, 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(call.wrapped(axes[i], x.dim()));
    begin[axis] = (*pads)[i];
    end[axis] = (*pads)[axes.size() + i];
  }
  const std::string mode = call.node.text("mode", "constant");
  if (mode == "reflect" || mode == "edge" || mode == "wrap")
    return {pad_from_itself(x, begin, end, mode)};
  if (mode != "constant") call.refuse("mode " + mode);
  Extents from_last;
  for (std::size_t i = rank; i-- > 0;) {
    from_last.push_back(begin[i]);
    from_last.push_back(end[i]);
  }
  return {at::constant_pad_nd(x, from_last, padding_value(call))};
}

TorchTensors one_hot(const TorchCall& call) {
  const auto depth = static_cast<std::int64_t>(call.real(1));
  const at::Tensor& values = call[2];
  const at::Tensor places = from_front(call[0], depth);
  const std::int64_t axis = call.axis("axis", -1, places.dim() + 1);
  Extents shape(static_cast<std::size_t>(places.dim()) + 1, 1);
  shape[static_cast<std::size_t>(axis)] = depth;
  const at::Tensor hot =
      places.unsqueeze(axis).eq(at::arange(depth, places.options()).reshape(shape));
  return {at::where(hot, values[1], values[0])};
}

TorchTensors compress(const TorchCall& call) {
  const at::Tensor places = call[1].nonzero().flatten();
  if (!call.node.has("axis")) return {call[0].flatten().index_select(0, places)};
  return {call[0].index_select(call.axis("axis", 0, call[0].dim()), places)};
}

TorchTensors non_zero(const TorchCall& call) { return {call[0].nonzero().t()}; }

// Batches read at places between -1 and 1.
TorchTensors grid_sample(const TorchCall& call) {
  const std::string mode = call.node.text("mode", "bilinear");
  const std::string border = call.node.text("padding_mode", "zeros");
  const std::int64_t interpolation = mode == "nearest"                      ? 1
                                     : mode == "bicubic" || mode == "cubic" ? 2
                                                                            : 0;
  const std::int64_t outside = border == "border" ? 1 : border == "reflection" ? 2 : 0;
  return {at::grid_sampler(call[0], call[1], interpolation, outside,
                           call.node.integer("align_corners", 0) != 0)};
}

TorchOperator moving(TorchTensors (*run)(const TorchCall&), InputSet host = kNoInput) {
  return {.run = run, .gradient = kFirstInput, .host = host};
}

}  // namespace

TorchOperators indexing_operators() {
  constexpr InputSet all_but_data = ~kFirstInput;
  constexpr InputSet depth_only = 0b010;
  constexpr InputSet data_and_updates = 0b101;
  return {{"Slice", moving(slice, all_but_data)},
          {"Pad", moving(pad, all_but_data)},
          {"Gather", {.run = gather, .gradient = kFirstInput, .layer = true}},
          {"GatherElements", moving(gather_elements)},
          {"GatherND", moving(gather_nd)},
          {"Scatter", {.run = scatter_elements, .gradient = data_and_updates}},
          {"ScatterElements", {.run = scatter_elements, .gradient = data_and_updates}},
          {"ScatterND", {.run = scatter_nd, .gradient = data_and_updates}},
          {"Compress", moving(compress)},
          {"GridSample", {grid_sample}},
          {"OneHot", {.run = one_hot, .gradient = kNoInput, .host = depth_only}},
          {"NonZero", {.run = non_zero, .gradient = kNoInput}}};
}

}  // namespace isthmus
