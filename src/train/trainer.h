#pragma once

#include "core/training_results.h"
#include "train/checkpoint.h"
#include "train/stage_run.h"
#include "train/train.h"

namespace isthmus {

// Runs the stages of a recipe, one epoch after the other, and leaves a checkpoint and metrics.json
// behind every one.
class Trainer {
 public:
  // All must outlive the trainer. `results` says what is known before training; stages are added.
  Trainer(const Recipe& recipe, const TrainingTask& task, const ImagePool& pool, Workers& workers,
          const TrainOptions& options, TrainingResults& results);
  ~Trainer();

  // Throws Error{kInvalid} for a checkpoint of another recipe.
  void resume(const Checkpoint& checkpoint);
  void run();

  // The network as it is now.
  Graph trained() const;
  // Of the rate term's quantization; 0 if no stage has one.
  double rounding_step() const { return step_; }
  const TrainingSplit& split() const { return split_; }

 private:
  TrainingParts parts();
  void begin();
  void check_agreement();
  void run_stage(std::size_t stage);
  void run_epoch(StageRun& run, std::size_t stage, int epoch);
  void choose_rounding(const StageRecipe& stage);
  void share_statistics();
  void check_weights(const StageRecipe& stage, int epoch) const;
  void save(const std::string& optimizer);
  StepReport reporter(std::size_t stage, int epoch) const;

  const Recipe& recipe_;
  const TrainingTask& task_;
  Workers& workers_;
  const TrainOptions& options_;
  TrainingResults& results_;
  torch::Device device_;
  TrainingSplit split_;
  std::int64_t images_;
  BatchMaker batches_;
  TorchGraph student_;
  std::optional<TorchGraph> teacher_;
  // What is to be done next, and how it begins.
  std::size_t stage_ = 0;
  int epoch_ = 0;
  std::string optimizer_;
  double step_ = 0;
};

}  // namespace isthmus
