#include <ATen/ATen.h>

#include <algorithm>

#include "train/deconvolution.h"
#include "train/torch_operator.h"
#include "train/torch_window.h"

namespace isthmus {
namespace {

using Extents = std::vector<std::int64_t>;

Extents kernel_of(const TorchCall& call) {
  const at::Tensor& weight = call[1];
  if (weight.dim() < 3) call.complain("the weight needs at least three axes");
  return {weight.sizes().begin() + 2, weight.sizes().end()};
}

bool any_negative(const Extents& values) {
  return std::ranges::any_of(values, [](auto value) { return value < 0; });
}

// By rank, because autocast knows these and not what is below them.
TorchTensors convolution(const TorchCall& call) {
  const Extents extents = spatial_extents(call, call[0]);
  TorchWindow window = window_of(call, kernel_of(call), extents);
  at::Tensor x = call[0];
  if (!window.is_symmetric() || any_negative(window.begin)) {
    x = padded(x, window.begin, window.end, 0);
    std::ranges::fill(window.begin, 0);
  }
  const at::Tensor bias = call.optional(2);
  const std::int64_t groups = call.node.integer("group", 1);
  switch (extents.size()) {
    case 1:
      return {at::conv1d(x, call[1], bias, window.stride, window.begin, window.dilation, groups)};
    case 2:
      return {at::conv2d(x, call[1], bias, window.stride, window.begin, window.dilation, groups)};
    default:
      return {at::conv3d(x, call[1], bias, window.stride, window.begin, window.dilation, groups)};
  }
}

struct Deconvolution {
  TorchWindow window;
  // Rows that are added behind each axis, of the bias alone or of what padding would take.
  Extents output_padding;
  std::int64_t groups = 1;
};

// Where the size of the output is given, the padding follows from it; what no padding reaches is
// added behind.
void fit_to_output(const TorchCall& call, Deconvolution& layer, const Extents& extents,
                   const Extents& output) {
  if (output.size() != extents.size()) call.complain("output_shape has the wrong length");
  const bool upper = call.node.text("auto_pad", "NOTSET") == "SAME_UPPER";
  TorchWindow& window = layer.window;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const std::int64_t total =
        window.stride[i] * (extents[i] - 1) + layer.output_padding[i] + window.span(i) - output[i];
    const std::int64_t taken = std::max<std::int64_t>(total, 0);
    window.begin[i] = upper ? taken / 2 : taken - taken / 2;
    window.end[i] = total - window.begin[i];
  }
}

Deconvolution deconvolution_of(const TorchCall& call) {
  const Extents extents = spatial_extents(call, call[0]);
  Deconvolution layer{
      .window = window_of(call, kernel_of(call), extents),
      .output_padding = call.node.integers("output_padding", Extents(extents.size(), 0)),
      .groups = call.node.integer("group", 1)};
  if (layer.output_padding.size() != extents.size())
    call.complain("output_padding has the wrong length");
  const std::string how = call.node.text("auto_pad", "NOTSET");
  if (call.node.has("output_shape")) {
    Extents output = call.node.integers("output_shape", {});
    // Some exporters write the batch and the channels as well.
    if (output.size() == extents.size() + 2) output.erase(output.begin(), output.begin() + 2);
    fit_to_output(call, layer, extents, output);
  } else if (how == "SAME_UPPER" || how == "SAME_LOWER") {
    Extents output = extents;
    for (std::size_t i = 0; i < output.size(); ++i) output[i] *= layer.window.stride[i];
    fit_to_output(call, layer, extents, output);
  }
  return layer;
}

at::Tensor transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      const Deconvolution& layer) {
  const TorchWindow& window = layer.window;
  switch (window.axes()) {
    case 1:
      return at::conv_transpose1d(x, weight, bias, window.stride, window.begin,
                                  layer.output_padding, layer.groups, window.dilation);
    case 2:
      if (x.is_cpu())
        return deconvolution(x, weight, bias,
                             {.stride = window.stride,
                              .padding = window.begin,
                              .output_padding = layer.output_padding,
                              .dilation = window.dilation,
                              .groups = layer.groups});
      return at::conv_transpose2d(x, weight, bias, window.stride, window.begin,
                                  layer.output_padding, layer.groups, window.dilation);
    default:
      return at::conv_transpose3d(x, weight, bias, window.stride, window.begin,
                                  layer.output_padding, layer.groups, window.dilation);
  }
}

TorchTensors transposed_convolution(const TorchCall& call) {
  Deconvolution layer = deconvolution_of(call);
  TorchWindow& window = layer.window;
  bool direct = window.is_symmetric() && !any_negative(window.begin);
  for (std::size_t i = 0; i < window.axes(); ++i)
    direct &= layer.output_padding[i] < window.stride[i];
  if (direct) return {transposed(call[0], call[1], call.optional(2), layer)};
  // The whole, then cropped; the bias comes last, so that rows that were added have it too.
  const Extents begin = window.begin;
  Extents end = window.end;
  for (std::size_t i = 0; i < end.size(); ++i) end[i] -= layer.output_padding[i];
  std::ranges::fill(window.begin, 0);
  std::ranges::fill(layer.output_padding, 0);
  const at::Tensor whole = transposed(call[0], call[1], {}, layer);
  Extents cut_begin = begin;
  Extents cut_end = end;
  for (std::int64_t& cut : cut_begin) cut = -cut;
  for (std::int64_t& cut : cut_end) cut = -cut;
  const at::Tensor result = padded(whole, cut_begin, cut_end, 0);
  if (!call.has(2)) return {result};
  Extents shape(static_cast<std::size_t>(result.dim()), 1);
  shape[1] = -1;
  return {result + call[2].reshape(shape)};
}

}  // namespace

TorchOperators convolution_operators() {
  return {{"Conv", {.run = convolution, .layer = true}},
          {"ConvTranspose", {.run = transposed_convolution, .layer = true}}};
}

}  // namespace isthmus
