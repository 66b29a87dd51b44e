#include "train/deconvolution.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>

#include "train/mixed_precision.h"

namespace isthmus {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

enum Operand { kByInput, kByWeight };

at::Tensor gradient_of_convolution(Operand by, const at::Tensor& gradient, const at::Tensor& input,
                                   const at::Tensor& weight, const PlaneDeconvolution& layer) {
  const std::vector<std::int64_t> no_output_padding(2, 0);
  const auto gradients =
      at::convolution_backward(gradient, input, weight, at::OptionalIntArrayRef(), layer.stride,
                               layer.padding, layer.dilation,
                               /*transposed=*/false, no_output_padding, layer.groups,
                               {by == kByInput, by == kByWeight, false});
  return by == kByInput ? std::get<0>(gradients) : std::get<1>(gradients);
}

std::array<std::int64_t, 4> output_shape(const at::Tensor& x, const at::Tensor& weight,
                                         const PlaneDeconvolution& layer) {
  std::array<std::int64_t, 4> shape = {x.size(0), weight.size(1) * layer.groups, 0, 0};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto axis = static_cast<std::int64_t>(i) + 2;
    shape[i + 2] = (x.size(axis) - 1) * layer.stride[i] - 2 * layer.padding[i] +
                   layer.dilation[i] * (weight.size(axis) - 1) + layer.output_padding[i] + 1;
  }
  return shape;
}

struct Deconvolve : torch::autograd::Function<Deconvolve> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const PlaneDeconvolution& layer) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = layer.stride;
    context->saved_data["padding"] = layer.padding;
    context->saved_data["dilation"] = layer.dilation;
    context->saved_data["groups"] = layer.groups;
    // Of the convolution's input only the shape matters.
    const at::Tensor output =
        at::empty(output_shape(x, weight, layer), x.options(), x.suggest_memory_format());
    return gradient_of_convolution(kByInput, x, output, weight, layer);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const PlaneDeconvolution layer{.stride = context->saved_data["stride"].toIntVector(),
                                   .padding = context->saved_data["padding"].toIntVector(),
                                   .output_padding = {},
                                   .dilation = context->saved_data["dilation"].toIntVector(),
                                   .groups = context->saved_data["groups"].toInt()};
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor gradient = gradients[0].contiguous(x.suggest_memory_format());
    variable_list result(3);
    if (context->needs_input_grad(0))
      result[0] = at::conv2d(gradient, weight, {}, layer.stride, layer.padding, layer.dilation,
                             layer.groups);
    if (context->needs_input_grad(1))
      result[1] = gradient_of_convolution(kByWeight, x, gradient, weight, layer);
    return result;
  }
};

}  // namespace

at::Tensor deconvolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                         const PlaneDeconvolution& layer) {
  const at::ScalarType type = cpu_computes_in_bf16() ? at::kBFloat16 : x.scalar_type();
  const at::Tensor result = Deconvolve::apply(x.to(type), weight.to(type), layer);
  return bias.defined() ? result + bias.to(type).reshape({1, -1, 1, 1}) : result;
}

}  // namespace isthmus
