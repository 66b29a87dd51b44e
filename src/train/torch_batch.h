#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "codec/normalise.h"
#include "data/augment.h"
#include "train/batches.h"

namespace isthmus {

// Makes a network's input of images in a pool: f32 batch x 3 x H x W, channels last in memory.
class BatchMaker {
 public:
  // `pool` must outlive this.
  BatchMaker(const ImagePool& pool, const Augmentation& augmentation,
             const Normalization& normalization, torch::Device device);

  bool augments() const { return augmentation_.changes(); }

  // As they are.
  torch::Tensor images(std::span<const std::int64_t> indices) const;
  // Varied at random. What happens to an image depends on seed, epoch and its index alone, not on
  // its place in a batch.
  torch::Tensor augmented(std::span<const std::int64_t> indices, std::uint64_t seed,
                          std::int64_t epoch) const;
  // i64, -1 where unknown.
  torch::Tensor labels(std::span<const std::int64_t> indices) const;

 private:
  torch::Tensor normalised(const torch::Tensor& pixels) const;
  torch::Tensor empty_pixels(std::size_t images) const;

  const ImagePool& pool_;
  Augmentation augmentation_;
  torch::Device device_;
  // Pixels become x * factor + offset, per channel.
  torch::Tensor factor_;
  torch::Tensor offset_;
};

}  // namespace isthmus
