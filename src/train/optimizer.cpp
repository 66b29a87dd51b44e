#include "train/optimizer.h"

#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/archive.h>

#include <cmath>
#include <numbers>
#include <sstream>

#include "core/error.h"

namespace isthmus {

struct Optimizer::Inner {
  std::unique_ptr<torch::optim::Optimizer> optimizer;
};

Optimizer::Optimizer(const OptimizerRecipe& recipe, std::vector<torch::Tensor> parameters)
    : parameters_(std::move(parameters)), inner_(std::make_unique<Inner>()) {
  if (recipe.kind == OptimizerKind::kAdam) {
    inner_->optimizer = std::make_unique<torch::optim::Adam>(
        parameters_, torch::optim::AdamOptions(recipe.rate).weight_decay(recipe.weight_decay));
  } else {
    inner_->optimizer = std::make_unique<torch::optim::SGD>(
        parameters_, torch::optim::SGDOptions(recipe.rate)
                         .momentum(recipe.momentum)
                         .weight_decay(recipe.weight_decay)
                         .nesterov(recipe.nesterov && recipe.momentum > 0));
  }
}

Optimizer::~Optimizer() = default;
Optimizer::Optimizer(Optimizer&&) noexcept = default;
Optimizer& Optimizer::operator=(Optimizer&&) noexcept = default;

void Optimizer::set_rate(double rate) {
  for (auto& group : inner_->optimizer->param_groups()) group.options().set_lr(rate);
}

void Optimizer::clear_gradients() {
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
}

void Optimizer::step() { inner_->optimizer->step(); }

std::string Optimizer::save() const {
  torch::serialize::OutputArchive archive;
  inner_->optimizer->save(archive);
  std::ostringstream stream;
  archive.save_to(stream);
  return stream.str();
}

void Optimizer::load(const std::string& state) {
  try {
    torch::serialize::InputArchive archive;
    std::istringstream stream(state);
    archive.load_from(stream, parameters_.front().device());
    inner_->optimizer->load(archive);
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kInvalid, std::string("the optimizer's state in the checkpoint does ") +
                                         "not fit: " + error.what_without_backtrace());
  }
}

double rate_at(const OptimizerRecipe& recipe, int epoch, int epochs, std::int64_t step,
               std::int64_t steps_per_epoch) {
  if (recipe.schedule == RateSchedule::kCosine) {
    const double done = (epoch + static_cast<double>(step) / static_cast<double>(steps_per_epoch)) /
                        static_cast<double>(epochs);
    return recipe.rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
  }
  if (recipe.decay_epochs == 0) return recipe.rate;
  return recipe.rate * std::pow(recipe.decay, epoch / recipe.decay_epochs);
}

}  // namespace isthmus
