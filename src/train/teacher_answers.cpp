#include "train/teacher_answers.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace isthmus {
namespace {

// Images are kept as libtorch has them on a CPU, channels last, so that a row is one piece of
// memory.
torch::Tensor to_rows(const torch::Tensor& tensor) {
  return tensor.dim() == 4 ? tensor.permute({0, 2, 3, 1}) : tensor;
}

torch::Tensor from_rows(const torch::Tensor& rows) {
  return rows.dim() == 4 ? rows.permute({0, 3, 1, 2}) : rows;
}

torch::Tensor index_tensor(std::span<const std::int64_t> indices, torch::Device device) {
  return torch::tensor(std::vector<std::int64_t>(indices.begin(), indices.end()), torch::kLong)
      .to(device);
}

std::int64_t bytes_per_image(const TorchValues& answers) {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : answers)
    bytes += tensor.numel() / tensor.size(0) * static_cast<std::int64_t>(tensor.element_size());
  return bytes;
}

}  // namespace

TeacherAnswers::TeacherAnswers(TorchGraph& teacher, std::vector<std::string> tensors,
                               std::int64_t images, std::int64_t most_bytes)
    : teacher_(teacher), tensors_(std::move(tensors)), images_(images), most_bytes_(most_bytes) {}

TorchValues TeacherAnswers::of(std::span<const std::int64_t> indices, const TorchValues& inputs) {
  const at::NoGradGuard no_gradient;
  if (tensors_.empty()) return {};
  if (has_all(indices)) return look_up(indices);
  TorchValues answers = teacher_.forward(inputs, tensors_);
  if (images_ > 0) keep(indices, answers);
  return answers;
}

bool TeacherAnswers::has_all(std::span<const std::int64_t> indices) const {
  return keeps() && std::ranges::all_of(indices, [&](std::int64_t index) {
           return has_[static_cast<std::size_t>(index)];
         });
}

TorchValues TeacherAnswers::look_up(std::span<const std::int64_t> indices) const {
  TorchValues answers;
  for (const auto& [name, rows] : kept_)
    answers[name] = from_rows(rows.index_select(0, index_tensor(indices, rows.device())));
  return answers;
}

void TeacherAnswers::keep(std::span<const std::int64_t> indices, const TorchValues& answers) {
  if (!keeps()) {
    if (bytes_per_image(answers) * images_ > most_bytes_) {
      images_ = 0;
      return;
    }
    for (const auto& [name, tensor] : answers) {
      std::vector<std::int64_t> extents = to_rows(tensor).sizes().vec();
      extents.front() = images_;
      kept_[name] = torch::empty(extents, tensor.options());
    }
    has_.assign(static_cast<std::size_t>(images_), false);
  }
  for (const auto& [name, tensor] : answers)
    kept_.at(name).index_copy_(0, index_tensor(indices, tensor.device()), to_rows(tensor));
  for (const std::int64_t index : indices) has_[static_cast<std::size_t>(index)] = true;
}

}  // namespace isthmus
