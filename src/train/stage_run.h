#pragma once

#include <functional>
#include <optional>

#include "core/training_results.h"
#include "train/batches.h"
#include "train/optimizer.h"
#include "train/stage_loss.h"
#include "train/teacher_answers.h"
#include "train/torch_batch.h"
#include "train/workers.h"

namespace isthmus {

// What all stages of a run share. Everything must outlive the run.
struct TrainingParts {
  const Recipe& recipe;
  const TrainingTask& task;
  const BatchMaker& batches;
  const TrainingSplit& split;
  // Images in the pool.
  std::int64_t images;
  TorchGraph& student;
  // Null without a teacher.
  TorchGraph* teacher;
  Workers& workers;
  torch::Device device;
};

// Called after every step with the images of the epoch that are done, of all, and the mean loss so
// far.
using StepReport = std::function<void(std::int64_t done, std::int64_t total, double loss)>;

struct ValidationResult {
  double loss = 0;
  // Where the labels count the scores.
  std::optional<double> top1;
};

// Throws what the constructor of StageRun throws for a stage that cannot be trained, so that it is
// known before the stages in front of it have been.
void check_stage(const TrainingParts& parts, const StageRecipe& stage);

// One stage of a recipe: what trains, on which loss, by which optimizer.
class StageRun {
 public:
  // `step`: of the rate term's quantization; 0 for none. Throws Error{kUnsupported} that names node
  // and operator where a gradient does not get through, Error{kInvalid} if the loss does not depend
  // on anything that is trained.
  StageRun(const TrainingParts& parts, std::size_t stage, double step);

  // Epochs from 0. Equal weights, optimizer and epoch give equal results. Throws Error{kInvalid}
  // for a loss that is not finite, before it has touched the weights.
  EpochResult train_epoch(int epoch, const StepReport& report);
  // Nothing if no images were kept for it.
  std::optional<ValidationResult> validate();

  Optimizer& optimizer() { return optimizer_; }

 private:
  struct StepResult {
    double loss = 0;
    double bits = 0;
  };
  StepResult train_step(std::span<const std::int64_t> mine, std::int64_t batch, int epoch);
  torch::Tensor total_loss(const StudentRun& run, const TorchValues& teacher,
                           const torch::Tensor& labels) const;
  TorchValues teacher_answers(std::span<const std::int64_t> indices, const torch::Tensor& images);
  void check_finite(double loss, int epoch, std::int64_t step) const;

  TrainingParts parts_;
  const StageRecipe& stage_;
  std::size_t index_;
  double step_;
  StageLoss loss_;
  Optimizer optimizer_;
  std::optional<TeacherAnswers> answers_;
};

// Share of right answers among images of the pool, in f32; rounded to `step` at the bottleneck
// where that is not 0.
double measure_top1(const TrainingParts& parts, std::span<const std::int64_t> indices, double step);

// The largest less the smallest value at the bottleneck, over images of the pool.
double bottleneck_span(const TrainingParts& parts, std::span<const std::int64_t> indices);

}  // namespace isthmus
