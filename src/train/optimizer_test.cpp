#include "train/optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isthmus {
namespace {

torch::Tensor leaf(float value) { return torch::full({1}, value).requires_grad_(); }

// One step with gradient 2 w.
void square_step(Optimizer& optimizer, const torch::Tensor& w) {
  optimizer.clear_gradients();
  w.square().sum().backward();
  optimizer.step();
}

TEST(Optimizer, SgdFollowsTheGradientWithMomentum) {
  const torch::Tensor w = leaf(1);
  Optimizer optimizer({.kind = OptimizerKind::kSgd, .rate = 0.1, .momentum = 0.5}, {w});
  square_step(optimizer, w);
  EXPECT_FLOAT_EQ(w.item<float>(), 0.8F);
  // Velocity 0.5 * 2 + 1.6.
  square_step(optimizer, w);
  EXPECT_FLOAT_EQ(w.item<float>(), 0.54F);
}

TEST(Optimizer, AdamMovesByTheRateAtFirst) {
  const torch::Tensor w = leaf(1);
  Optimizer optimizer({.kind = OptimizerKind::kAdam, .rate = 0.25}, {w});
  square_step(optimizer, w);
  EXPECT_NEAR(w.item<float>(), 0.75F, 1e-6);
}

TEST(Optimizer, GoesOnFromItsStateAsIfNothingHadHappened) {
  for (const OptimizerKind kind : {OptimizerKind::kAdam, OptimizerKind::kSgd}) {
    const OptimizerRecipe recipe{.kind = kind, .rate = 0.1};
    const torch::Tensor w = leaf(1);
    Optimizer optimizer(recipe, {w});
    square_step(optimizer, w);
    const torch::Tensor copy = w.detach().clone().requires_grad_();
    Optimizer again(recipe, {copy});
    again.load(optimizer.save());
    for (int i = 0; i < 3; ++i) {
      square_step(optimizer, w);
      square_step(again, copy);
    }
    EXPECT_EQ(w.item<float>(), copy.item<float>());
  }
}

TEST(Optimizer, RefusesAForeignState) {
  Optimizer optimizer({}, {leaf(1)});
  EXPECT_THROW(optimizer.load("nonsense"), Error);
}

TEST(RateAt, DecaysInSteps) {
  const OptimizerRecipe recipe{.rate = 1, .decay_epochs = 2, .decay = 0.1};
  EXPECT_DOUBLE_EQ(rate_at(recipe, 1, 4, 9, 10), 1);
  EXPECT_DOUBLE_EQ(rate_at(recipe, 2, 4, 0, 10), 0.1);
  EXPECT_DOUBLE_EQ(rate_at({.rate = 1}, 100, 101, 0, 10), 1);
}

TEST(RateAt, FallsToNothingOverACosine) {
  const OptimizerRecipe recipe{.rate = 2, .schedule = RateSchedule::kCosine};
  EXPECT_DOUBLE_EQ(rate_at(recipe, 0, 4, 0, 10), 2);
  EXPECT_NEAR(rate_at(recipe, 2, 4, 0, 10), 1, 1e-12);
  EXPECT_LT(rate_at(recipe, 3, 4, 9, 10), 0.01);
}

}  // namespace
}  // namespace isthmus
