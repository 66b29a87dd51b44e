#include "train/losses.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/error.h"

namespace isthmus {
namespace {

torch::Tensor as_f32(const torch::Tensor& tensor) { return tensor.to(torch::kFloat); }

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

// Channels x everything else.
torch::Tensor by_channel(const torch::Tensor& values) {
  if (values.dim() < 3) return values.reshape({1, -1});
  return values.transpose(0, 1).reshape({values.size(1), -1});
}

struct LaplaceFit {
  torch::Tensor centre;
  torch::Tensor width;
};

// Maximum likelihood per row: the median and the mean distance from it. A width far below a step
// says nothing more than "always the same code".
LaplaceFit fit_laplace(const torch::Tensor& rows, double step) {
  constexpr double kNarrowest = 0.05;
  const at::NoGradGuard no_gradient;
  LaplaceFit fit;
  fit.centre = std::get<0>(rows.median(1, /*keepdim=*/true));
  fit.width = (rows - fit.centre).abs().mean(1, /*keepdim=*/true).clamp_min(kNarrowest * step);
  return fit;
}

}  // namespace

torch::Tensor squared_difference(const torch::Tensor& teacher, const torch::Tensor& student) {
  if (teacher.sizes() != student.sizes())
    throw Error(ErrorKind::kInvalid, "the student's tensor has shape " + shape_text(student) +
                                         ", the teacher's " + shape_text(teacher));
  return (as_f32(teacher) - as_f32(student)).square().sum() / static_cast<double>(teacher.size(0));
}

torch::Tensor cross_entropy(const torch::Tensor& scores, const torch::Tensor& labels,
                            double smoothing) {
  return at::cross_entropy_loss(as_f32(scores), labels, /*weight=*/{}, at::Reduction::Mean,
                                /*ignore_index=*/-100, smoothing);
}

torch::Tensor softened_divergence(const torch::Tensor& teacher_scores,
                                  const torch::Tensor& student_scores, double temperature,
                                  KlDirection direction) {
  const torch::Tensor log_p = (as_f32(teacher_scores) / temperature).log_softmax(1);
  const torch::Tensor log_q = (as_f32(student_scores) / temperature).log_softmax(1);
  const torch::Tensor terms = direction == KlDirection::kTeacherToStudent
                                  ? log_p.exp() * (log_p - log_q)
                                  : log_q.exp() * (log_q - log_p);
  return terms.sum() / static_cast<double>(terms.size(0));
}

torch::Tensor distillation(const torch::Tensor& teacher_scores, const torch::Tensor& student_scores,
                           const torch::Tensor& labels, const LossRecipe& loss) {
  torch::Tensor sum = torch::zeros({}, student_scores.options().dtype(torch::kFloat));
  if (loss.hard_weight > 0)
    sum = sum + loss.hard_weight * cross_entropy(student_scores, labels, loss.label_smoothing);
  if (loss.soft_weight > 0)
    sum = sum +
          loss.soft_weight * loss.temperature * loss.temperature *
              softened_divergence(teacher_scores, student_scores, loss.temperature, loss.direction);
  return sum;
}

torch::Tensor with_rounding_noise(const torch::Tensor& values, double step) {
  const torch::Tensor floats = as_f32(values);
  return floats + (torch::rand_like(floats) - 0.5) * step;
}

torch::Tensor bits_per_element(const torch::Tensor& noisy, double step) {
  const torch::Tensor rows = by_channel(as_f32(noisy));
  const LaplaceFit fit = fit_laplace(rows, step);
  const torch::Tensor distance = (rows - fit.centre).abs() / fit.width;
  const torch::Tensor u = step / 2 / fit.width;
  // Both branches are computed: what the other one would make of a number must stay finite, or its
  // gradient would be 0 times infinity.
  const torch::Tensor near = at::minimum(distance, u);
  const torch::Tensor log_sinh = u + at::log1p(-at::exp(-2 * u)) - std::log(2.0);
  const torch::Tensor log_far = log_sinh - distance;
  const torch::Tensor log_near = at::log1p(-0.5 * (at::exp(near - u) + at::exp(-near - u)));
  return -at::where(distance >= u, log_far, log_near).mean() / std::log(2.0);
}

}  // namespace isthmus
