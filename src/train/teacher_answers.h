#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "train/torch_graph.h"

namespace isthmus {

// What a frozen teacher makes of the images of a pool. Where the images do not change from epoch to
// epoch, the answers are kept as long as they fit in memory: the teacher runs once per image.
class TeacherAnswers {
 public:
  // `images` in the pool; 0 if nothing may be kept. At most `most_bytes` are kept: all or none.
  // `teacher` must outlive this.
  TeacherAnswers(TorchGraph& teacher, std::vector<std::string> tensors, std::int64_t images,
                 std::int64_t most_bytes);

  // The tensors for a batch of images: `indices` in the pool, `inputs` the teacher's. Without
  // gradients.
  TorchValues of(std::span<const std::int64_t> indices, const TorchValues& inputs);

  // Whether answers are kept; known once there was a batch.
  bool keeps() const { return !kept_.empty(); }

 private:
  bool has_all(std::span<const std::int64_t> indices) const;
  TorchValues look_up(std::span<const std::int64_t> indices) const;
  void keep(std::span<const std::int64_t> indices, const TorchValues& answers);

  TorchGraph& teacher_;
  std::vector<std::string> tensors_;
  std::int64_t images_;
  std::int64_t most_bytes_;
  // Rows of all images, channels last.
  std::map<std::string, torch::Tensor> kept_;
  std::vector<bool> has_;
};

}  // namespace isthmus
