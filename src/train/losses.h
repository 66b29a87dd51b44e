#pragma once

#include <torch/types.h>

#include "train/recipe.h"

namespace isthmus {

// Losses, each a scalar with a gradient to the student. Computed in f32 whatever comes in. All are
// means over the images of the batch, so that a value does not depend on the batch's size nor on
// how many processes share it.

// Paper 0, eq. 1, and one term of paper 1, eq. 4: ||t(x) - s(x)||^2, summed over the elements.
// Throws Error{kInvalid} for unequal shapes.
torch::Tensor squared_difference(const torch::Tensor& teacher, const torch::Tensor& student);

// Paper 1, eq. 5. `scores` images x classes, `labels` i64. `smoothing` of the target is spread over
// all classes.
torch::Tensor cross_entropy(const torch::Tensor& scores, const torch::Tensor& labels,
                            double smoothing = 0);

// KL of the softened distributions (paper 1, eq. 7), without the factor temperature^2.
torch::Tensor softened_divergence(const torch::Tensor& teacher_scores,
                                  const torch::Tensor& student_scores, double temperature,
                                  KlDirection direction);

// Paper 1, eq. 6: hard_weight CE + soft_weight temperature^2 KL. A term of weight 0 is not
// computed, so that no labels are needed then.
torch::Tensor distillation(const torch::Tensor& teacher_scores, const torch::Tensor& student_scores,
                           const torch::Tensor& labels, const LossRecipe& loss);

// What a bottleneck costs on the wire, for training: bits per element that a static model per
// channel needs for round(values / step).
//
// Rounding is replaced by uniform noise of one step (Balle, Laparra and Simoncelli 2017), which
// `with_rounding_noise` adds and the rest of the network sees as well. The model of a channel is
// the Laplace density that fits the batch best (median and mean absolute deviation, which carry no
// gradient: at the optimum of the fit they would not matter), integrated over one step:
//
//   a = |y - mu|, u = step / 2 b
//   p = exp(-a/b) sinh(u)  for a >= step/2,   1 - exp(-u) cosh(a/b)  below
//   bits = -log2 p, mean over all elements
//
// `values` batch x channels x ... (rank 2: one channel).
torch::Tensor with_rounding_noise(const torch::Tensor& values, double step);
torch::Tensor bits_per_element(const torch::Tensor& noisy, double step);

}  // namespace isthmus
