#include "train/stage_run.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/rng.h"
#include "train/mixed_precision.h"
#include "train/torch_roles.h"

namespace isthmus {
namespace {

// Images of one forward pass without gradients.
constexpr std::size_t kValidationBatch = 256;
constexpr std::uint64_t kOrderStream = 0x6f72646572;
constexpr std::uint64_t kAugmentStream = 0x6175676d;

// What is random in an epoch: so a resumed run repeats it.
std::uint64_t epoch_seed(const Recipe& recipe, std::size_t stage, int epoch, std::uint64_t stream) {
  return mix_seed(mix_seed(mix_seed(recipe.seed, stage), static_cast<std::uint64_t>(epoch)),
                  stream);
}

// The names of a stage that are parameters rather than constants and running statistics.
std::set<std::string> parameters_of(const TrainingParts& parts, const StageRecipe& stage) {
  const Graph& graph = parts.task.student.graph;
  const std::set<std::string> cut_off = initializer_roles(graph).cut_off;
  std::set<std::string> names;
  for (const std::string& name : parts.task.initializers_of(stage)) {
    if (cut_off.contains(name)) throw not_a_parameter(graph, name);
    if (parts.student.parameters().contains(name)) names.insert(name);
  }
  if (names.empty())
    throw Error(ErrorKind::kInvalid, "stage " + stage.name + " trains a region without parameters");
  return names;
}

// Sets what trains, and gives it in a fixed order.
std::vector<torch::Tensor> prepare(const TrainingParts& parts, const StageRecipe& stage) {
  const std::set<std::string> names = parameters_of(parts, stage);
  parts.student.train_only(names);
  std::vector<torch::Tensor> parameters;
  for (const std::string& name : names) parameters.push_back(parts.student.parameters().at(name));
  return parameters;
}

std::vector<std::string> with(std::vector<std::string> names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

template <typename Visit>
void for_each_batch(std::span<const std::int64_t> indices, Visit visit) {
  for (std::size_t at = 0; at < indices.size(); at += kValidationBatch) {
    check_interrupt();
    visit(indices.subspan(at, std::min(kValidationBatch, indices.size() - at)));
  }
}

std::int64_t count_hits(const torch::Tensor& scores, const torch::Tensor& labels) {
  return scores.argmax(1).eq(labels).sum().item<std::int64_t>();
}

}  // namespace

void check_stage(const TrainingParts& parts, const StageRecipe& stage) {
  parameters_of(parts, stage);
}

StageRun::StageRun(const TrainingParts& parts, std::size_t stage, double step)
    : parts_(parts),
      stage_(parts.recipe.stages.at(stage)),
      index_(stage),
      step_(step),
      loss_(parts.task, stage_.loss),
      optimizer_(stage_.optimizer, prepare(parts, stage_)) {
  if (!parts.teacher || loss_.teacher_tensors().empty()) return;
  constexpr std::int64_t kMegabyte = 1'000'000;
  answers_.emplace(*parts.teacher, loss_.teacher_tensors(),
                   parts.batches.augments() ? 0 : parts.images, parts.recipe.cache_mb * kMegabyte);
}

TorchValues StageRun::teacher_answers(std::span<const std::int64_t> indices,
                                      const torch::Tensor& images) {
  if (!answers_) return {};
  return answers_->of(indices, {{parts_.task.input, images}});
}

torch::Tensor StageRun::total_loss(const StudentRun& run, const TorchValues& teacher,
                                   const torch::Tensor& labels) const {
  torch::Tensor loss = loss_.of(run.values, teacher, labels);
  if (run.bits.defined()) loss = loss + stage_.loss.rate_weight * run.bits;
  return loss;
}

// The gradient of a batch is that of its mean loss over the images of all processes, so each
// process' share counts by its size. The loss travels with the gradients: all see a NaN together.
StageRun::StepResult StageRun::train_step(std::span<const std::int64_t> mine, std::int64_t batch,
                                          int epoch) {
  const Recipe& recipe = parts_.recipe;
  optimizer_.clear_gradients();
  const torch::Tensor images =
      parts_.batches.augments()
          ? parts_.batches.augmented(mine, mix_seed(recipe.seed, kAugmentStream + index_), epoch)
          : parts_.batches.images(mine);
  const torch::Tensor labels = parts_.batches.labels(mine);
  StudentRun run;
  TorchValues teacher;
  {
    const MixedPrecision mixed(recipe.precision == Precision::kBf16, parts_.device);
    teacher = teacher_answers(mine, images);
    const Rounding rounding = loss_.has_rate() ? Rounding::kNoise : Rounding::kNone;
    run =
        run_student(parts_.student, parts_.task, images, loss_.student_tensors(), rounding, step_);
  }
  const double share = static_cast<double>(mine.size()) / static_cast<double>(batch);
  const torch::Tensor loss = total_loss(run, teacher, labels) * share;
  if (!loss.requires_grad())
    throw Error(ErrorKind::kInvalid, "the loss of stage " + stage_.name +
                                         " does not depend on anything that the stage trains");
  loss.backward();
  torch::Tensor numbers = torch::zeros({2}, torch::kFloat);
  numbers[0] = loss.item<float>();
  if (run.bits.defined()) numbers[1] = run.bits.item<float>() * static_cast<float>(share);
  std::vector<torch::Tensor> shared{numbers};
  for (const torch::Tensor& parameter : optimizer_.parameters())
    if (parameter.grad().defined()) shared.push_back(parameter.grad());
  sum_together(parts_.workers, shared);
  return {numbers[0].item<double>(), numbers[1].item<double>()};
}

void StageRun::check_finite(double loss, int epoch, std::int64_t step) const {
  if (std::isfinite(loss)) return;
  throw Error(ErrorKind::kInvalid,
              fmt::format("the loss is not finite ({}) at step {} of epoch {} in stage {}: a "
                          "smaller rate may help{}; nothing of this epoch is kept",
                          loss, step + 1, epoch + 1, stage_.name,
                          parts_.recipe.precision == Precision::kBf16 ? ", or f32" : ""));
}

EpochResult StageRun::train_epoch(int epoch, const StepReport& report) {
  const Recipe& recipe = parts_.recipe;
  const EpochOrder order(
      shuffled(parts_.split.training, epoch_seed(recipe, index_, epoch, kOrderStream)),
      stage_.optimizer.batch, parts_.workers.rank(), parts_.workers.size());
  // Dropout and rounding noise.
  torch::manual_seed(
      epoch_seed(recipe, index_, epoch, static_cast<std::uint64_t>(parts_.workers.rank())));
  parts_.student.set_training(true);
  const Seconds start = system_clock().now();
  EpochResult result;
  double losses = 0;
  double bits = 0;
  for (std::int64_t i = 0; i < order.batches(); ++i) {
    check_interrupt();
    result.rate = rate_at(stage_.optimizer, epoch, stage_.epochs, i, order.batches());
    optimizer_.set_rate(result.rate);
    const StepResult step = train_step(order.mine(i), order.batch_size(), epoch);
    check_finite(step.loss, epoch, i);
    optimizer_.step();
    losses += step.loss;
    bits += step.bits;
    report((i + 1) * order.batch_size(), order.batches() * order.batch_size(),
           losses / static_cast<double>(i + 1));
  }
  parts_.student.set_training(false);
  const auto steps = static_cast<double>(order.batches());
  result.loss = losses / steps;
  if (loss_.has_rate()) result.bits = bits / steps;
  result.seconds = (system_clock().now() - start).count();
  result.images_per_second = steps * static_cast<double>(order.batch_size()) / result.seconds;
  return result;
}

std::optional<ValidationResult> StageRun::validate() {
  const auto& indices = parts_.split.validation;
  if (indices.empty()) return std::nullopt;
  const at::NoGradGuard no_gradient;
  const Rounding rounding = loss_.has_rate() ? Rounding::kNearest : Rounding::kNone;
  ValidationResult result;
  std::int64_t hits = 0;
  for_each_batch(indices, [&](std::span<const std::int64_t> batch) {
    // As in training, so that kept answers serve both.
    const MixedPrecision mixed(parts_.recipe.precision == Precision::kBf16, parts_.device);
    const torch::Tensor images = parts_.batches.images(batch);
    const torch::Tensor labels = parts_.batches.labels(batch);
    const TorchValues teacher = teacher_answers(batch, images);
    std::vector<std::string> wanted = loss_.student_tensors();
    if (parts_.task.labelled) wanted = with(wanted, parts_.task.output);
    const StudentRun run =
        run_student(parts_.student, parts_.task, images, wanted, rounding, step_);
    result.loss +=
        total_loss(run, teacher, labels).item<double>() * static_cast<double>(batch.size());
    if (parts_.task.labelled) hits += count_hits(run.values.at(parts_.task.output), labels);
  });
  const auto count = static_cast<double>(indices.size());
  result.loss /= count;
  if (parts_.task.labelled) result.top1 = static_cast<double>(hits) / count;
  return result;
}

double measure_top1(const TrainingParts& parts, std::span<const std::int64_t> indices,
                    double step) {
  const at::NoGradGuard no_gradient;
  std::int64_t hits = 0;
  for_each_batch(indices, [&](std::span<const std::int64_t> batch) {
    const StudentRun run = run_student(parts.student, parts.task, parts.batches.images(batch),
                                       {parts.task.output}, Rounding::kNearest, step);
    hits += count_hits(run.values.at(parts.task.output), parts.batches.labels(batch));
  });
  return static_cast<double>(hits) / static_cast<double>(indices.size());
}

double bottleneck_span(const TrainingParts& parts, std::span<const std::int64_t> indices) {
  const at::NoGradGuard no_gradient;
  const std::string& bottleneck = parts.task.student.bottleneck;
  double low = INFINITY;
  double high = -INFINITY;
  for_each_batch(indices, [&](std::span<const std::int64_t> batch) {
    const torch::Tensor values =
        parts.student.forward({{parts.task.input, parts.batches.images(batch)}}, {bottleneck})
            .at(bottleneck);
    low = std::min(low, values.min().item<double>());
    high = std::max(high, values.max().item<double>());
  });
  return high - low;
}

}  // namespace isthmus
