#include "train/losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/error.h"

namespace isthmus {
namespace {

using torch::Tensor;

Tensor tensor(std::vector<float> values, std::vector<std::int64_t> shape) {
  return torch::tensor(values).reshape(shape);
}

double number(const Tensor& scalar) { return scalar.item<double>(); }

// Largest difference between the gradient that autograd gives at `at` and the central difference.
double gradient_error(const std::function<Tensor(const Tensor&)>& loss, const Tensor& at) {
  constexpr float kStep = 1e-2F;
  Tensor leaf = at.clone().requires_grad_();
  loss(leaf).backward();
  const Tensor gradient = leaf.grad().flatten();
  double worst = 0;
  for (std::int64_t i = 0; i < at.numel(); ++i) {
    const auto moved = [&](float by) {
      Tensor copy = at.clone();
      copy.flatten()[i] += by;
      return number(loss(copy));
    };
    const double slope = (moved(kStep) - moved(-kStep)) / (2 * kStep);
    worst = std::max(worst, std::abs(slope - gradient[i].item<double>()));
  }
  return worst;
}

TEST(SquaredDifference, IsPaper0Equation1OverTheImages) {
  const Tensor teacher = tensor({1, 2, 3, 4}, {2, 2});
  const Tensor student = tensor({0, 2, 5, 1}, {2, 2});
  // (1 + 0) + (4 + 9), of two images.
  EXPECT_DOUBLE_EQ(number(squared_difference(teacher, student)), 7);
}

TEST(SquaredDifference, RefusesUnequalShapes) {
  EXPECT_THROW(squared_difference(torch::zeros({2, 3}), torch::zeros({2, 4})), Error);
}

TEST(CrossEntropy, IsTheNegativeLogarithmOfTheTrueClass) {
  const Tensor scores = tensor({std::log(1.0F), std::log(2.0F), std::log(5.0F)}, {1, 3});
  const Tensor labels = torch::tensor({1}, torch::kLong);
  EXPECT_NEAR(number(cross_entropy(scores, labels)), std::log(8.0 / 2), 1e-6);
  // 0.7 of the true class, 0.1 of each.
  const double smooth =
      0.7 * std::log(8.0 / 2) + 0.1 * (std::log(8.0) + std::log(8.0 / 2) + std::log(8.0 / 5));
  EXPECT_NEAR(number(cross_entropy(scores, labels, 0.3)), smooth, 1e-6);
}

// p = (1/4, 3/4), q = (1/2, 1/2).
struct TwoClasses {
  Tensor teacher = tensor({0, std::log(3.0F)}, {1, 2});
  Tensor student = tensor({0, 0}, {1, 2});
  Tensor labels = torch::tensor({0}, torch::kLong);
};

TEST(SoftenedDivergence, HasBothDirections) {
  const TwoClasses two;
  EXPECT_NEAR(
      number(softened_divergence(two.teacher, two.student, 1, KlDirection::kTeacherToStudent)),
      0.25 * std::log(0.5) + 0.75 * std::log(1.5), 1e-6);
  EXPECT_NEAR(
      number(softened_divergence(two.teacher, two.student, 1, KlDirection::kStudentToTeacher)),
      0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3), 1e-6);
}

TEST(Distillation, IsPaper1Equation6) {
  const TwoClasses two;
  LossRecipe loss{
      .kind = LossKind::kDistillation, .hard_weight = 0.3, .soft_weight = 0.7, .temperature = 2};
  // At temperature 2 the teacher's odds are sqrt(3).
  const double p = 1 / (1 + std::sqrt(3.0));
  const double divergence = p * std::log(p / 0.5) + (1 - p) * std::log((1 - p) / 0.5);
  const double expected = 0.3 * std::log(2.0) + 0.7 * 4 * divergence;
  EXPECT_NEAR(number(distillation(two.teacher, two.student, two.labels, loss)), expected, 1e-6);
}

TEST(Distillation, NeedsNoLabelsWithoutTheHardTerm) {
  const TwoClasses two;
  const LossRecipe loss{.kind = LossKind::kDistillation, .hard_weight = 0, .soft_weight = 1};
  EXPECT_GT(number(distillation(two.teacher, two.student, Tensor(), loss)), 0);
}

TEST(Losses, HaveTheGradientOfTheirFormula) {
  torch::manual_seed(1);
  const Tensor teacher = torch::randn({3, 4});
  const Tensor labels = torch::tensor({0, 3, 1}, torch::kLong);
  const LossRecipe soft{.kind = LossKind::kDistillation, .temperature = 2};
  LossRecipe reverse = soft;
  reverse.direction = KlDirection::kStudentToTeacher;
  const std::vector<std::pair<const char*, std::function<Tensor(const Tensor&)>>> losses = {
      {"squares", [&](const Tensor& x) { return squared_difference(teacher, x); }},
      {"cross entropy", [&](const Tensor& x) { return cross_entropy(x, labels); }},
      {"distillation", [&](const Tensor& x) { return distillation(teacher, x, labels, soft); }},
      {"reverse", [&](const Tensor& x) { return distillation(teacher, x, labels, reverse); }}};
  const Tensor at = torch::randn({3, 4});
  for (const auto& [name, loss] : losses) {
    SCOPED_TRACE(name);
    EXPECT_LT(gradient_error(loss, at), 2e-3);
  }
}

TEST(RoundingNoise, StaysWithinHalfAStep) {
  torch::manual_seed(1);
  const Tensor values = torch::randn({4, 3, 5, 5});
  const Tensor noise = with_rounding_noise(values, 0.5) - values;
  EXPECT_LE(number(noise.abs().max()), 0.2501);
  EXPECT_NEAR(number(noise.mean()), 0, 0.03);
}

// Entropy in bits of a Laplace variable of width b rounded to `step`.
double laplace_entropy(double b, double step) {
  double bits = 0;
  for (int k = -400; k <= 400; ++k) {
    const double a = std::abs(k) * step;
    const double u = step / 2 / b;
    const double p =
        k == 0 ? 1 - std::exp(-u) : std::exp(-a / b) * (std::exp(u) - std::exp(-u)) / 2;
    if (p > 0) bits -= p * std::log2(p);
  }
  return bits;
}

Tensor laplace_samples(std::vector<std::int64_t> shape, double b) {
  const Tensor u = torch::rand(shape) - 0.5;
  return -b * u.sign() * at::log1p(-2 * u.abs());
}

TEST(BitsPerElement, IsTheEntropyOfALaplaceSource) {
  torch::manual_seed(1);
  for (const double width : {1.0, 4.0}) {
    SCOPED_TRACE(width);
    const Tensor values = laplace_samples({8, 2, 64, 64}, width);
    // Noise instead of rounding widens the density a little.
    EXPECT_NEAR(number(bits_per_element(with_rounding_noise(values, 1), 1)),
                laplace_entropy(width, 1), 0.15);
  }
}

TEST(BitsPerElement, IsNothingForAConstantChannel) {
  EXPECT_NEAR(number(bits_per_element(torch::full({2, 1, 4, 4}, 3.0), 1)), 0, 1e-3);
}

TEST(BitsPerElement, TellsChannelsApart) {
  torch::manual_seed(1);
  const Tensor one = laplace_samples({8, 1, 32, 32}, 2);
  const Tensor far = torch::cat({one, one + 100}, 1);
  EXPECT_NEAR(number(bits_per_element(far, 1)), number(bits_per_element(one, 1)), 1e-3);
}

TEST(BitsPerElement, PullsValuesTogether) {
  torch::manual_seed(1);
  Tensor values = laplace_samples({8, 2, 16, 16}, 4).requires_grad_();
  bits_per_element(values, 1).backward();
  // Moving against the gradient makes the code shorter.
  const Tensor moved = values.detach() - 200 * values.grad();
  EXPECT_LT(number(bits_per_element(moved, 1)), number(bits_per_element(values.detach(), 1)));
  EXPECT_TRUE(at::isfinite(values.grad()).all().item<bool>());
}

TEST(BitsPerElement, StaysFiniteFarOut) {
  Tensor values = torch::zeros({1, 1, 100, 100});
  values.flatten()[0] = 1e6F;
  values.requires_grad_();
  const Tensor bits = bits_per_element(values, 1);
  bits.backward();
  EXPECT_TRUE(std::isfinite(number(bits)));
  EXPECT_TRUE(at::isfinite(values.grad()).all().item<bool>());
}

}  // namespace
}  // namespace isthmus
