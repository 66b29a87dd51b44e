#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace isthmus {

// Stride, padding (the same on both sides), what is added behind, and dilation of each of two axes.
struct PlaneDeconvolution {
  std::vector<std::int64_t> stride;
  std::vector<std::int64_t> padding;
  std::vector<std::int64_t> output_padding;
  std::vector<std::int64_t> dilation;
  std::int64_t groups = 1;
};

// Deconvolution of x (N, C, H, W) with weight (C, M / groups, kH, kW) and bias (M) or none, with
// its gradient, as what it is by definition: the gradient of a convolution by its input. On the CPU
// libtorch has fast convolutions and their gradients in f32 and bf16, but deconvolution only in
// f32, several times slower; autocast leaves it there.
at::Tensor deconvolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                         const PlaneDeconvolution& layer);

}  // namespace isthmus
