#pragma once

#include <span>

#include "core/training_results.h"
#include "train/batches.h"
#include "train/task.h"
#include "train/train.h"

namespace isthmus {

// What became of the task's student, and what its plan is made from.
struct TrainedStudent {
  // Trained weights, the names of the task's student.
  Graph graph;
  // Of the rate term's quantization (train/trainer.h); 0 for none.
  double step = 0;
};

// Measures and writes a trained network:
//   is_cut()   student.onnx, head.onnx, tail.onnx, plan.yaml, bottleneck.rans (if the codec has
//              tables)
//   otherwise  model.onnx
// each network with its card, besides metrics.json and recipe.yaml. Ranges and tables are learnt
// from the training images of `split`, fewer levels are chosen on its validation images, and
// accuracies are those of the test images, through the engine and the codecs that run the plan.
// Fills in what `results` says of the student.
void deploy(const Recipe& recipe, const TrainingTask& task, const TrainedStudent& trained,
            const ImagePool& pool, const TrainingSplit& split, const TrainOptions& options,
            TrainingResults& results);

}  // namespace isthmus
