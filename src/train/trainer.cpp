#include "train/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/clock.h"
#include "core/error.h"
#include "core/hash.h"
#include "train/mixed_precision.h"
#include "train/result_files.h"
#include "train/shared_beginning.h"

namespace isthmus {
namespace {

// Images that the span of the bottleneck is taken from.
constexpr std::size_t kSpanImages = 512;
constexpr const char* kStateSchema = "isthmus.training_state";

torch::Device device_from(const std::string& name) {
  try {
    const torch::Device device(name);
    if (device.is_cpu() || device.is_cuda()) return device;
  } catch (const c10::Error&) {
  }
  throw Error(ErrorKind::kInvalid, "a device is cpu, cuda or cuda:N: " + name);
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.2f} %", 100 * *share) : "-";
}

std::string line_of(const StageRecipe& stage, int epoch, const EpochResult& result) {
  std::string line = fmt::format("{}, epoch {} of {}: loss {:.4g}", stage.name, epoch + 1,
                                 stage.epochs, result.loss);
  if (result.validation_loss) line += fmt::format(", validation {:.4g}", *result.validation_loss);
  if (result.validation_top1) line += ", top-1 " + percent(result.validation_top1);
  if (result.bits) line += fmt::format(", {:.2f} bits", *result.bits);
  return line + fmt::format(", {:.0f} images/s", result.images_per_second);
}

}  // namespace

Trainer::Trainer(const Recipe& recipe, const TrainingTask& task, const ImagePool& pool,
                 Workers& workers, const TrainOptions& options, TrainingResults& results)
    : recipe_(recipe),
      task_(task),
      workers_(workers),
      options_(options),
      results_(results),
      device_(device_from(options.device)),
      split_(split_for_validation(pool.count(), recipe.data.validation, recipe.seed)),
      images_(pool.count()),
      batches_(pool, augmentation_of(recipe.data), task.card.normalization, device_),
      student_(task.student.graph, device_) {
  if (task.teacher) teacher_.emplace(*task.teacher, device_);
  if (recipe.precision == Precision::kBf16 && !computes_well_in_bf16(device_)) {
    results_.precision = "f32";
    options_.say("this processor computes in f32, not in bf16 as the recipe says: no AVX-512");
  }
  results_.training_images = static_cast<std::int64_t>(split_.training.size());
  results_.validation_images = static_cast<std::int64_t>(split_.validation.size());
}

Trainer::~Trainer() = default;

TrainingParts Trainer::parts() {
  return {.recipe = recipe_,
          .task = task_,
          .batches = batches_,
          .split = split_,
          .images = images_,
          .student = student_,
          .teacher = teacher_ ? &*teacher_ : nullptr,
          .workers = workers_,
          .device = device_};
}

void Trainer::resume(const Checkpoint& checkpoint) {
  Fields state(checkpoint.state, checkpoint_file(options_.folder).string());
  state.expect_schema(kStateSchema, 1);
  stage_ = static_cast<std::size_t>(state.integer("stage"));
  const std::string made_by = state.string("recipe");
  const bool begins_it =
      stage_ < recipe_.stages.size() && made_by == training_hash(recipe_, stage_);
  if (made_by != training_hash(recipe_) && !begins_it)
    throw Error(ErrorKind::kInvalid,
                options_.folder.string() +
                    " holds the training of another recipe; take another folder, or remove " +
                    checkpoint_file(options_.folder).string() + " to begin again");
  epoch_ = static_cast<int>(state.integer("epoch"));
  step_ = state.number("step");
  const TrainingResults past = training_results_from_json(state.at("results"), state.where());
  results_.stages = past.stages;
  results_.untrained_top1 = past.untrained_top1;
  student_ = TorchGraph(parse_graph(checkpoint.network, "checkpoint"), device_);
  optimizer_ = checkpoint.optimizer;
  if (stage_ < recipe_.stages.size())
    options_.say(
        fmt::format("going on with stage {}, epoch {}", recipe_.stages[stage_].name, epoch_ + 1));
}

void Trainer::begin() {
  if (!task_.labelled || split_.validation.empty()) return;
  results_.untrained_top1 = measure_top1(parts(), split_.validation, 0);
}

// Each process reads the recipe and the checkpoint for itself.
void Trainer::check_agreement() {
  if (workers_.size() == 1) return;
  constexpr std::size_t kDigits = 12;
  const auto number = [](const std::string& hash) {
    return static_cast<double>(std::stoull(hash.substr(0, kDigits), nullptr, 16));
  };
  const torch::Tensor own =
      torch::tensor({static_cast<double>(stage_), static_cast<double>(epoch_),
                     number(training_hash(recipe_)), number(sha256(to_onnx(student_.trained())))},
                    torch::kDouble);
  torch::Tensor sum = own.clone();
  workers_.sum(sum);
  // All see the same sum, but only those that differ from the mean know; so the doubt is shared.
  torch::Tensor doubt = (sum - own * workers_.size()).abs().sum().reshape({1});
  workers_.sum(doubt);
  if (doubt.item<double>() != 0)
    throw Error(ErrorKind::kInvalid,
                "the processes of this training do not begin alike: all need the same recipe, seed "
                "and files, and with --resume the same checkpoint in their folder");
}

void Trainer::run() {
  for (const StageRecipe& stage : recipe_.stages) check_stage(parts(), stage);
  check_agreement();
  if (stage_ == 0 && epoch_ == 0) begin();
  for (; stage_ < recipe_.stages.size(); ++stage_) run_stage(stage_);
}

void Trainer::choose_rounding(const StageRecipe& stage) {
  if (stage.loss.rate_weight == 0 || step_ > 0) return;
  const auto& training = split_.training;
  const double span =
      bottleneck_span(parts(), std::span(training).first(std::min(kSpanImages, training.size())));
  if (!(span > 0))
    throw Error(ErrorKind::kInvalid, "stage " + stage.name +
                                         ": the bottleneck is the same for all images, so there is "
                                         "no rate to speak of; train without rate_weight first");
  step_ = span / (stage.loss.rate_levels - 1);
}

void Trainer::run_stage(std::size_t stage) {
  const StageRecipe& recipe = recipe_.stages[stage];
  choose_rounding(recipe);
  StageRun run(parts(), stage, step_);
  if (!optimizer_.empty()) run.optimizer().load(std::exchange(optimizer_, {}));
  if (results_.stages.size() <= stage)
    results_.stages.push_back(
        {.name = recipe.name, .loss = std::string(to_string(recipe.loss.kind)), .epochs = {}});
  for (; epoch_ < recipe.epochs;) run_epoch(run, stage, epoch_);
  epoch_ = 0;
}

// Each process has seen other images.
void Trainer::share_statistics() {
  if (workers_.size() == 1) return;
  std::vector<torch::Tensor> buffers;
  for (const auto& [name, buffer] : student_.buffers()) buffers.push_back(buffer);
  sum_together(workers_, buffers);
  for (torch::Tensor& buffer : buffers) buffer.div_(workers_.size());
}

void Trainer::check_weights(const StageRecipe& stage, int epoch) const {
  for (const TorchValues* values : {&student_.parameters(), &student_.buffers()})
    for (const auto& [name, value] : *values)
      if (!at::isfinite(value).all().item<bool>())
        throw Error(ErrorKind::kInvalid,
                    fmt::format("{} is not finite after epoch {} of stage {}: a smaller rate may "
                                "help; nothing of this epoch is kept",
                                name, epoch + 1, stage.name));
}

StepReport Trainer::reporter(std::size_t stage, int epoch) const {
  if (!workers_.first()) return [](std::int64_t, std::int64_t, double) {};
  int later = recipe_.stages[stage].epochs - epoch - 1;
  for (std::size_t i = stage + 1; i < recipe_.stages.size(); ++i) later += recipe_.stages[i].epochs;
  const Seconds start = system_clock().now();
  return [this, stage, epoch, later, start](std::int64_t done, std::int64_t total, double loss) {
    const double seconds = std::max(1e-9, (system_clock().now() - start).count());
    const double speed = static_cast<double>(done) / seconds;
    options_.status({.stage = recipe_.stages[stage].name,
                     .epoch = epoch + 1,
                     .epochs = recipe_.stages[stage].epochs,
                     .done = done,
                     .total = total,
                     .images_per_second = speed,
                     .seconds_left = static_cast<double>(total - done + later * total) / speed,
                     .loss = loss});
  };
}

void Trainer::run_epoch(StageRun& run, std::size_t stage, int epoch) {
  const StageRecipe& recipe = recipe_.stages[stage];
  EpochResult result = run.train_epoch(epoch, reporter(stage, epoch));
  share_statistics();
  check_weights(recipe, epoch);
  if (const auto validation = run.validate()) {
    if (!std::isfinite(validation->loss))
      throw Error(ErrorKind::kInvalid,
                  fmt::format("the validation loss is not finite after epoch {} of stage {}: a "
                              "smaller rate may help; nothing of this epoch is kept",
                              epoch + 1, recipe.name));
    result.validation_loss = validation->loss;
    result.validation_top1 = validation->top1;
  }
  results_.stages[stage].epochs.push_back(result);
  ++epoch_;
  save(run.optimizer().save());
  if (workers_.first()) options_.say(line_of(recipe, epoch, result));
}

// A stage that is done leaves no optimizer: the next one has its own.
void Trainer::save(const std::string& optimizer) {
  if (!workers_.first()) return;
  const bool done = epoch_ == recipe_.stages[stage_].epochs;
  const Checkpoint checkpoint{.state = {{"schema", std::string(kStateSchema) + "/1"},
                                        {"recipe", training_hash(recipe_)},
                                        {"stage", done ? stage_ + 1 : stage_},
                                        {"epoch", done ? 0 : epoch_},
                                        {"step", step_},
                                        {"results", to_json(results_)}},
                              .network = to_onnx(student_.trained()),
                              .optimizer = done ? "" : optimizer};
  // First, so that a kill between the two repeats the epoch rather than losing this file.
  if (done && stage_ + 1 < recipe_.stages.size()) {
    Checkpoint beginning = checkpoint;
    beginning.state["recipe"] = training_hash(recipe_, stage_ + 1);
    write_checkpoint(stages_file(options_.folder, stage_ + 1), beginning);
  }
  write_checkpoint(checkpoint_file(options_.folder), checkpoint);
  write_document(metrics_file(options_.folder), to_json(results_));
}

Graph Trainer::trained() const { return student_.trained(); }

}  // namespace isthmus
