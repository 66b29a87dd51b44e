#include "train/deconvolution.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "train/mixed_precision.h"

namespace isthmus {
namespace {

struct Problem {
  at::Tensor x;
  at::Tensor weight;
  at::Tensor bias;
  PlaneDeconvolution layer;
};

at::Tensor leaf(at::IntArrayRef shape) { return at::randn(shape).requires_grad_(); }

// Two groups of a rectangular kernel: uneven stride, padding, dilation and added rows.
Problem odd_problem() {
  return {.x = leaf({2, 4, 5, 6}),
          .weight = leaf({4, 3, 3, 2}),
          .bias = leaf({6}),
          .layer = {.stride = {2, 3},
                    .padding = {1, 0},
                    .output_padding = {1, 2},
                    .dilation = {1, 2},
                    .groups = 2}};
}

// As the decoders of students have it.
Problem usual_problem() {
  return {
      .x = leaf({4, 16, 8, 8}),
      .weight = leaf({16, 12, 4, 4}),
      .bias = {},
      .layer = {.stride = {2, 2}, .padding = {1, 1}, .output_padding = {0, 0}, .dilation = {1, 1}}};
}

at::Tensor by_libtorch(const Problem& problem) {
  const PlaneDeconvolution& layer = problem.layer;
  return at::conv_transpose2d(problem.x, problem.weight, problem.bias, layer.stride, layer.padding,
                              layer.output_padding, layer.groups, layer.dilation);
}

at::Tensor by_us(const Problem& problem) {
  return deconvolution(problem.x, problem.weight, problem.bias, problem.layer);
}

// Gradients of a sum with unequal weights by x, weight and bias.
std::vector<at::Tensor> gradients(const Problem& problem, const at::Tensor& result) {
  const at::Tensor weights = at::arange(result.numel(), at::kFloat).sin().reshape(result.sizes());
  (result.to(at::kFloat) * weights).sum().backward();
  std::vector<at::Tensor> all;
  for (at::Tensor operand : {problem.x, problem.weight, problem.bias}) {
    if (!operand.defined()) continue;
    all.push_back(operand.grad().clone());
    operand.mutable_grad().reset();
  }
  return all;
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kFloat) - b).abs().max().item<double>() / b.abs().max().item<double>();
}

void expect_like_libtorch(const Problem& problem, double tolerance) {
  const at::Tensor expected = by_libtorch(problem);
  const auto expected_gradients = gradients(problem, expected);
  const at::Tensor result = by_us(problem);
  ASSERT_EQ(result.sizes(), expected.sizes());
  EXPECT_LT(difference(result, expected), tolerance);
  const auto own = gradients(problem, result);
  for (std::size_t i = 0; i < own.size(); ++i)
    EXPECT_LT(difference(own[i], expected_gradients[i]), tolerance) << i;
}

TEST(Deconvolution, IsTheTransposedConvolutionOfLibtorch) {
  expect_like_libtorch(odd_problem(), 1e-5);
  expect_like_libtorch(usual_problem(), 1e-5);
}

TEST(Deconvolution, TakesImagesWhoseChannelsLieTogether) {
  Problem problem = usual_problem();
  problem.x = problem.x.detach().contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
  expect_like_libtorch(problem, 1e-5);
}

TEST(Deconvolution, ComputesInBf16WhereAskedTo) {
  if (!computes_well_in_bf16(torch::kCPU)) GTEST_SKIP() << "this CPU has no AVX-512 for bf16";
  const Problem problem = usual_problem();
  const at::Tensor exact = by_libtorch(problem);
  const auto exact_gradients = gradients(problem, exact);
  at::Tensor result;
  {
    const MixedPrecision precision(true, torch::kCPU);
    result = by_us(problem);
  }
  EXPECT_EQ(result.scalar_type(), at::kBFloat16);
  EXPECT_LT(difference(result, exact), 0.02);
  const auto own = gradients(problem, result);
  for (std::size_t i = 0; i < own.size(); ++i) {
    EXPECT_EQ(own[i].scalar_type(), at::kFloat);
    EXPECT_LT(difference(own[i], exact_gradients[i]), 0.02) << i;
  }
}

TEST(Deconvolution, SkipsGradientsThatNobodyWants) {
  Problem problem = usual_problem();
  problem.weight = problem.weight.detach();
  by_us(problem).sum().backward();
  EXPECT_TRUE(problem.x.grad().defined());
  EXPECT_FALSE(problem.weight.grad().defined());
}

}  // namespace
}  // namespace isthmus
