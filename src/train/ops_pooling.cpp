#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "train/torch_operator.h"
#include "train/torch_window.h"

namespace isthmus {
namespace {

using Extents = std::vector<std::int64_t>;

// A window, and whether libtorch's own padding does what ONNX asks for. Otherwise `end` is how far
// the last window really reaches, for the caller to pad by hand.
struct Pooling {
  TorchWindow window;
  bool ceil = false;
  bool direct = true;
};

// The last window must begin within the input or the padding in front of it.
std::int64_t output_extent(const TorchWindow& window, std::size_t i, std::int64_t in, bool ceil) {
  const std::int64_t stride = window.stride[i];
  const std::int64_t room = in + window.begin[i] + window.end[i] - window.span(i);
  std::int64_t out = (room + (ceil ? stride - 1 : 0)) / stride + 1;
  if (ceil && (out - 1) * stride >= in + window.begin[i]) --out;
  return out;
}

Pooling pooling_of(const TorchCall& call) {
  const Extents extents = spatial_extents(call, call[0]);
  if (!call.node.has("kernel_shape")) call.complain("kernel_shape is missing");
  Pooling pooling{.window = window_of(call, call.node.integers("kernel_shape", {}), extents),
                  .ceil = call.node.integer("ceil_mode", 0) != 0};
  TorchWindow& window = pooling.window;
  pooling.direct = window.is_symmetric();
  for (std::size_t i = 0; i < window.axes(); ++i) {
    if (window.begin[i] < 0 || window.end[i] < 0) call.refuse("negative pads");
    pooling.direct &= 2 * window.begin[i] <= window.kernel[i];
  }
  if (pooling.direct) return pooling;
  for (std::size_t i = 0; i < window.axes(); ++i) {
    const std::int64_t out = output_extent(window, i, extents[i], pooling.ceil);
    window.end[i] = (out - 1) * window.stride[i] + window.span(i) - extents[i] - window.begin[i];
  }
  return pooling;
}

at::Tensor largest(const at::Tensor& x, const TorchWindow& w, const Extents& padding, bool ceil) {
  switch (w.axes()) {
    case 1: return at::max_pool1d(x, w.kernel, w.stride, padding, w.dilation, ceil);
    case 2: return at::max_pool2d(x, w.kernel, w.stride, padding, w.dilation, ceil);
    default: return at::max_pool3d(x, w.kernel, w.stride, padding, w.dilation, ceil);
  }
}

// A kernel of one element only picks, as the shortcuts of some ResNets do: no pooling is as fast.
bool is_selection(const TorchWindow& window) {
  const auto all = [](const Extents& values, std::int64_t wanted) {
    return std::ranges::all_of(values, [&](auto value) { return value == wanted; });
  };
  return all(window.kernel, 1) && all(window.begin, 0) && all(window.end, 0);
}

at::Tensor selected(at::Tensor x, const TorchWindow& window) {
  for (std::size_t i = 0; i < window.axes(); ++i) {
    const auto axis = static_cast<std::int64_t>(i) + 2;
    x = at::slice(x, axis, 0, x.size(axis), window.stride[i]);
  }
  return x;
}

// ONNX counts through the whole tensor, libtorch within each channel.
TorchTensors largest_with_indices(const TorchCall& call, const Pooling& pooling) {
  const TorchWindow& w = pooling.window;
  const bool by_column = call.node.integer("storage_order", 0) != 0;
  if (!pooling.direct || w.axes() != 2)
    call.refuse("indices are there for two spatial axes with equal pads in front and behind");
  const at::Tensor& x = call[0];
  auto [values, places] =
      at::max_pool2d_with_indices(x, w.kernel, w.stride, w.begin, w.dilation, pooling.ceil);
  const std::int64_t height = x.size(2);
  const std::int64_t width = x.size(3);
  if (by_column) places = places.remainder(width) * height + at::div(places, width, "floor");
  const at::Tensor plane =
      at::arange(x.size(0) * x.size(1), places.options()).reshape({x.size(0), x.size(1), 1, 1});
  return {values, places + plane * (height * width)};
}

TorchTensors max_pool(const TorchCall& call) {
  const Pooling pooling = pooling_of(call);
  if (call.node.outputs.size() > 1 && !call.node.outputs[1].empty())
    return largest_with_indices(call, pooling);
  if (is_selection(pooling.window)) return {selected(call[0], pooling.window)};
  // libtorch pools floating-point numbers only; those of 8 bits fit.
  const at::ScalarType type = call[0].scalar_type();
  const bool whole = !at::isFloatingType(type);
  const at::Tensor x = whole ? call[0].to(at::kFloat) : call[0];
  const TorchWindow& window = pooling.window;
  at::Tensor result;
  if (pooling.direct) {
    result = largest(x, window, window.begin, pooling.ceil);
  } else {
    const double lowest = -std::numeric_limits<double>::infinity();
    result = largest(padded(x, window.begin, window.end, lowest), window, Extents(window.axes(), 0),
                     false);
  }
  return {whole ? result.to(type) : result};
}

at::Tensor mean(const at::Tensor& x, const TorchWindow& w, const Extents& padding, bool ceil,
                bool count_padding) {
  switch (w.axes()) {
    case 1: return at::avg_pool1d(x, w.kernel, w.stride, padding, ceil, count_padding);
    case 2: return at::avg_pool2d(x, w.kernel, w.stride, padding, ceil, count_padding);
    default: return at::avg_pool3d(x, w.kernel, w.stride, padding, ceil, count_padding);
  }
}

// Mean over a window of zero-padded values, over the share of the window that counts.
at::Tensor mean_by_hand(const at::Tensor& x, const Pooling& pooling, const Extents& pads_end,
                        bool count_padding) {
  const TorchWindow& window = pooling.window;
  const Extents none(window.axes(), 0);
  Extents extents(x.sizes().begin(), x.sizes().end());
  extents[0] = extents[1] = 1;
  at::Tensor counts = at::ones(extents, x.options());
  Extents begin = window.begin;
  Extents end = window.end;
  if (count_padding) {
    Extents counted = pads_end;
    for (std::size_t i = 0; i < end.size(); ++i) {
      counted[i] = std::min(counted[i], end[i]);
      end[i] -= counted[i];
    }
    counts = padded(counts, begin, counted, 1);
    begin = none;
  }
  counts = padded(counts, begin, end, 0);
  const at::Tensor sums = padded(x, window.begin, window.end, 0);
  return mean(sums, window, none, false, true) / mean(counts, window, none, false, true);
}

TorchTensors average_pool(const TorchCall& call) {
  const Pooling pooling = pooling_of(call);
  const TorchWindow& window = pooling.window;
  if (std::ranges::any_of(window.dilation, [](auto d) { return d != 1; }))
    call.refuse("a dilated average");
  const bool count_padding = call.node.integer("count_include_pad", 0) != 0;
  if (pooling.direct) return {mean(call[0], window, window.begin, pooling.ceil, count_padding)};
  const Extents extents = spatial_extents(call, call[0]);
  const Extents asked = window_of(call, window.kernel, extents).end;
  return {mean_by_hand(call[0], pooling, asked, count_padding)};
}

Extents spatial_axes(const TorchCall& call) {
  Extents axes(spatial_extents(call, call[0]).size());
  std::iota(axes.begin(), axes.end(), 2);
  return axes;
}

TorchTensors global_average_pool(const TorchCall& call) {
  return {at::mean(call[0], spatial_axes(call), true)};
}

TorchTensors global_max_pool(const TorchCall& call) {
  return {at::amax(call[0], spatial_axes(call), true)};
}

// (sum |x|^p)^(1/p)
TorchTensors lp_pool(const TorchCall& call) {
  const Pooling pooling = pooling_of(call);
  const TorchWindow& window = pooling.window;
  if (pooling.ceil) call.refuse("ceil_mode");
  const double p = static_cast<double>(call.node.integer("p", 2));
  std::int64_t size = 1;
  for (const std::int64_t extent : window.kernel) size *= extent;
  const at::Tensor powers = padded(at::pow(at::abs(call[0]), p), window.begin, window.end, 0);
  const at::Tensor means = mean(powers, window, Extents(window.axes(), 0), false, true);
  return {at::pow(means * static_cast<double>(size), 1 / p)};
}

TorchTensors global_lp_pool(const TorchCall& call) {
  const double p = static_cast<double>(call.node.integer("p", 2));
  const at::Tensor sums = at::sum(at::pow(at::abs(call[0]), p), spatial_axes(call), true);
  return {at::pow(sums, 1 / p)};
}

}  // namespace

TorchOperators pooling_operators() {
  return {{"MaxPool", {max_pool}},
          {"AveragePool", {average_pool}},
          {"LpPool", {lp_pool}},
          {"GlobalAveragePool", {global_average_pool}},
          {"GlobalMaxPool", {global_max_pool}},
          {"GlobalLpPool", {global_lp_pool}}};
}

}  // namespace isthmus
