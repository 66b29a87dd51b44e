#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/progress.h"
#include "data/dataset.h"
#include "data/preprocess.h"

namespace isthmus {

// Images of one size in memory, u8 HxWx3 each, and their labels: what is read from a disk once and
// trained on for many epochs. CIFAR's 50,000 take 154 MB.
class ImagePool {
 public:
  // Reads `indices` of the data set, resized and cropped as `preprocess` says, `threads` images at
  // a time. Throws what the data set throws, and Error{kUnsupported} for more than kMostBytes.
  ImagePool(const Dataset& dataset, std::span<const std::int64_t> indices,
            const Preprocess& preprocess, int threads, const Progress& progress = {});

  static constexpr std::int64_t kMostBytes = std::int64_t{64} << 30;

  std::int64_t count() const { return static_cast<std::int64_t>(labels_.size()); }
  int height() const { return height_; }
  int width() const { return width_; }
  std::size_t image_bytes() const {
    return static_cast<std::size_t>(height_) * static_cast<std::size_t>(width_) * 3;
  }
  std::span<const std::uint8_t> image(std::int64_t index) const {
    return std::span(pixels_).subspan(static_cast<std::size_t>(index) * image_bytes(),
                                      image_bytes());
  }
  // -1 if unknown.
  std::int64_t label(std::int64_t index) const { return labels_[static_cast<std::size_t>(index)]; }

 private:
  int height_;
  int width_;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::int64_t> labels_;
};

// Which images of a pool are trained on and which are kept for validation.
struct TrainingSplit {
  std::vector<std::int64_t> training;
  std::vector<std::int64_t> validation;
};
// A random `share` of 0..count-1 is kept. Equal seeds, equal splits.
TrainingSplit split_for_validation(std::int64_t count, double share, std::uint64_t seed);

// A random order of the same indices; depends on nothing but the seed.
std::vector<std::int64_t> shuffled(std::vector<std::int64_t> indices, std::uint64_t seed);

// The images of one epoch, batch by batch, as one of `size` processes sees them: every process
// takes its share of each batch, so that a batch over all of them is the batch of a single process.
class EpochOrder {
 public:
  // An incomplete last batch is left out, unless it is the only one. Throws Error{kInvalid} for
  // fewer images in a batch than processes.
  EpochOrder(std::vector<std::int64_t> order, std::int64_t batch, int rank, int size);

  std::int64_t batches() const;
  // Of all processes.
  std::int64_t batch_size() const { return batch_; }
  std::span<const std::int64_t> mine(std::int64_t batch) const;

 private:
  std::vector<std::int64_t> order_;
  std::int64_t batch_;
  int rank_;
  int size_;
};

}  // namespace isthmus
