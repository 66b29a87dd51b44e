#pragma once

#include <string>
#include <vector>

#include "train/losses.h"
#include "train/task.h"
#include "train/torch_graph.h"

namespace isthmus {

// What one stage makes small: which tensors of student and teacher it looks at, and what it makes
// of them.
class StageLoss {
 public:
  // `loss` and `task` must outlive this.
  StageLoss(const TrainingTask& task, const LossRecipe& loss);

  // Nothing else of the networks has to run.
  const std::vector<std::string>& student_tensors() const { return student_; }
  const std::vector<std::string>& teacher_tensors() const { return teacher_; }
  bool has_rate() const { return loss_.rate_weight > 0; }

  // Mean over the images, without the rate term. `labels` may be undefined where none are needed.
  torch::Tensor of(const TorchValues& student, const TorchValues& teacher,
                   const torch::Tensor& labels) const;

 private:
  torch::Tensor differences(const TorchValues& student, const TorchValues& teacher) const;

  const TrainingTask& task_;
  const LossRecipe& loss_;
  std::vector<std::string> compared_;
  std::vector<std::string> student_;
  std::vector<std::string> teacher_;
};

// One run of the student, with the bottleneck as it will be on the wire: rounded to `step` (with
// noise in place of rounding while it learns), or as it is for step 0.
struct StudentRun {
  TorchValues values;
  // Bits per element of the bottleneck; undefined for step 0.
  torch::Tensor bits;
};
enum class Rounding : std::uint8_t { kNone, kNoise, kNearest };
StudentRun run_student(TorchGraph& student, const TrainingTask& task, const torch::Tensor& images,
                       const std::vector<std::string>& wanted, Rounding rounding, double step);

}  // namespace isthmus
