#include <algorithm>

#include "core/error.h"
#include "core/rng.h"
#include "engine/difference.h"
#include "engine/engine.h"
#include "engine/random_tensor.h"

namespace isthmus {
namespace {

constexpr double kTolerance = 1e-4;

// Only the first extent may be open: there is no telling what else the network takes.
bool has_batch_alone(const TensorSpec& spec) {
  return !spec.shape.empty() && spec.shape[0] < 0 &&
         std::all_of(
             spec.shape.begin() + 1, spec.shape.end(), [](std::int64_t e) { return e >= 0; });
}

std::vector<Tensor> random_frame(const Engine& engine, std::uint64_t frame) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < engine.inputs().size(); ++i) {
    Shape shape = engine.inputs()[i].shape;
    shape[0] = 1;
    inputs.push_back(
        random_tensor(engine.inputs()[i].dtype, shape, mix_seed(/*seed=*/1, 2 * i + frame)));
  }
  return inputs;
}

bool is_half(const Tensor& both, std::int64_t half, const Tensor& one) {
  if (both.shape().empty() || one.shape().empty() || one.shape()[0] * 2 != both.shape()[0])
    return false;
  const std::int64_t count = one.shape()[0];
  return tensor_difference(one, rows(both, half * count, (half + 1) * count)) <= kTolerance;
}

}  // namespace

bool batch_is_free(Engine& engine) {
  if (engine.inputs().empty() || !std::ranges::all_of(engine.inputs(), has_batch_alone))
    return false;
  const std::vector<Tensor> first = random_frame(engine, 0);
  const std::vector<Tensor> second = random_frame(engine, 1);
  std::vector<Tensor> stacked;
  for (std::size_t i = 0; i < first.size(); ++i)
    stacked.push_back(stack_rows(std::vector<Tensor>{first[i], second[i]}));
  try {
    const auto of_first = engine.run(first);
    const auto of_second = engine.run(second);
    const auto of_both = engine.run(stacked);
    for (std::size_t i = 0; i < of_both.size(); ++i)
      if (!is_half(of_both[i], 0, of_first[i]) || !is_half(of_both[i], 1, of_second[i]))
        return false;
    return true;
  } catch (const Error& e) {
    // A machine that is gone says nothing about the network.
    if (e.kind() == ErrorKind::kUnavailable || e.kind() == ErrorKind::kInterrupted) throw;
    return false;
  }
}

}  // namespace isthmus
