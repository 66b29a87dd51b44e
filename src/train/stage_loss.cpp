#include "train/stage_loss.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace isthmus {

StageLoss::StageLoss(const TrainingTask& task, const LossRecipe& loss)
    : task_(task), loss_(loss), compared_(compared_tensors(task, loss)), student_(compared_) {
  switch (loss.kind) {
    case LossKind::kSse:
    case LossKind::kGhnd: teacher_ = compared_; break;
    case LossKind::kReconstruction: student_.push_back(task.student.source); break;
    case LossKind::kCrossEntropy: student_ = {task.output}; break;
    case LossKind::kDistillation:
      student_ = {task.output};
      teacher_ = {task.output};
      break;
  }
}

torch::Tensor StageLoss::differences(const TorchValues& student, const TorchValues& teacher) const {
  torch::Tensor sum;
  for (std::size_t i = 0; i < compared_.size(); ++i) {
    const double weight = loss_.weights.empty() ? 1 : loss_.weights[i];
    const torch::Tensor term =
        weight * squared_difference(teacher.at(compared_[i]), student.at(compared_[i]));
    sum = sum.defined() ? sum + term : term;
  }
  return sum;
}

torch::Tensor StageLoss::of(const TorchValues& student, const TorchValues& teacher,
                            const torch::Tensor& labels) const {
  switch (loss_.kind) {
    case LossKind::kCrossEntropy:
      return cross_entropy(student.at(task_.output), labels, loss_.label_smoothing);
    case LossKind::kDistillation:
      return distillation(teacher.at(task_.output), student.at(task_.output), labels, loss_);
    case LossKind::kReconstruction:
      return squared_difference(student.at(task_.student.source).detach(),
                                student.at(compared_.front()));
    case LossKind::kSse:
    case LossKind::kGhnd: break;
  }
  return differences(student, teacher);
}

StudentRun run_student(TorchGraph& student, const TrainingTask& task, const torch::Tensor& images,
                       const std::vector<std::string>& wanted, Rounding rounding, double step) {
  const TorchValues input = {{task.input, images}};
  if (rounding == Rounding::kNone || step == 0) return {student.forward(input, wanted), {}};
  const std::string& bottleneck = task.student.bottleneck;
  std::vector<std::string> before = {bottleneck};
  std::vector<std::string> behind = wanted;
  if (const auto found = std::ranges::find(behind, task.student.source); found != behind.end()) {
    before.push_back(*found);
    behind.erase(found);
  }
  TorchValues values = student.forward(input, before);
  const torch::Tensor exact = values.at(bottleneck);
  const torch::Tensor noisy = with_rounding_noise(exact, step);
  StudentRun run;
  run.bits = bits_per_element(noisy, step);
  const torch::Tensor rounded = (exact.to(torch::kFloat) / step).round() * step;
  run.values =
      student.forward({{bottleneck, rounding == Rounding::kNoise ? noisy : rounded}}, behind);
  run.values.merge(values);
  return run;
}

}  // namespace isthmus
