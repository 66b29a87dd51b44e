#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "train/recipe.h"

namespace isthmus {

// Adam or SGD as a recipe has it, over the parameters of one stage.
class Optimizer {
 public:
  // Leaves that require gradients, in an order that a resumed run has again.
  Optimizer(const OptimizerRecipe& recipe, std::vector<torch::Tensor> parameters);
  ~Optimizer();
  Optimizer(Optimizer&&) noexcept;
  Optimizer& operator=(Optimizer&&) noexcept;

  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  void set_rate(double rate);
  void clear_gradients();
  void step();

  // Moments and step counts, exactly.
  std::string save() const;
  // Throws Error{kInvalid} for what `save` of such an optimizer did not write.
  void load(const std::string& state);

 private:
  struct Inner;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Inner> inner_;
};

// The rate at step `step` of `steps_per_epoch` in `epoch` (both from 0) of `epochs`.
double rate_at(const OptimizerRecipe& recipe, int epoch, int epochs, std::int64_t step,
               std::int64_t steps_per_epoch);

}  // namespace isthmus
