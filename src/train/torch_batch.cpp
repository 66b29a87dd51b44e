#include "train/torch_batch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <vector>

namespace isthmus {
namespace {

torch::Tensor per_channel(const std::array<double, 3>& values, torch::Device device) {
  return torch::tensor(std::vector<float>(values.begin(), values.end()))
      .reshape({1, 3, 1, 1})
      .to(device);
}

}  // namespace

BatchMaker::BatchMaker(const ImagePool& pool, const Augmentation& augmentation,
                       const Normalization& normalization, torch::Device device)
    : pool_(pool), augmentation_(augmentation), device_(device) {
  std::array<double, 3> factor;
  std::array<double, 3> offset;
  for (std::size_t c = 0; c < 3; ++c) {
    factor[c] = static_cast<double>(normalization.scale) / normalization.std[c];
    offset[c] = -static_cast<double>(normalization.mean[c]) / normalization.std[c];
  }
  factor_ = per_channel(factor, device);
  offset_ = per_channel(offset, device);
}

torch::Tensor BatchMaker::empty_pixels(std::size_t images) const {
  return torch::empty({static_cast<std::int64_t>(images), pool_.height(), pool_.width(), 3},
                      torch::kByte);
}

// The images lie as HxWx3, which is what libtorch calls channels last; so nothing is moved.
torch::Tensor BatchMaker::normalised(const torch::Tensor& pixels) const {
  return pixels.to(device_).permute({0, 3, 1, 2}).to(torch::kFloat).mul_(factor_).add_(offset_);
}

torch::Tensor BatchMaker::images(std::span<const std::int64_t> indices) const {
  torch::Tensor pixels = empty_pixels(indices.size());
  auto* out = pixels.data_ptr<std::uint8_t>();
  for (const std::int64_t index : indices) out = std::ranges::copy(pool_.image(index), out).out;
  return normalised(pixels);
}

torch::Tensor BatchMaker::augmented(std::span<const std::int64_t> indices, std::uint64_t seed,
                                    std::int64_t epoch) const {
  torch::Tensor pixels = empty_pixels(indices.size());
  const std::span<std::uint8_t> all(pixels.data_ptr<std::uint8_t>(),
                                    indices.size() * pool_.image_bytes());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const PixelView image{
        .pixels = pool_.image(indices[i]).data(), .height = pool_.height(), .width = pool_.width()};
    augment(image, augmentation_, augmentation_seed(seed, epoch, indices[i]), pool_.height(),
            pool_.width(), all.subspan(i * pool_.image_bytes(), pool_.image_bytes()));
  }
  return normalised(pixels);
}

torch::Tensor BatchMaker::labels(std::span<const std::int64_t> indices) const {
  std::vector<std::int64_t> labels;
  for (const std::int64_t index : indices) labels.push_back(pool_.label(index));
  return torch::tensor(labels, torch::kLong).to(device_);
}

}  // namespace isthmus
