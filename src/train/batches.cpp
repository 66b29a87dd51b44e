#include "train/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace isthmus {
namespace {

// Streams of the recipe's seed.
constexpr std::uint64_t kValidationStream = 0x76616c;

std::size_t bytes_for(std::int64_t images, const Preprocess& preprocess) {
  const std::int64_t bytes = images * preprocess.height * preprocess.width * 3;
  if (bytes > ImagePool::kMostBytes)
    throw Error(ErrorKind::kUnsupported,
                std::to_string(images) + " training images take " + std::to_string(bytes >> 30) +
                    " GB of memory at the network's size; take fewer (data.limit)");
  return static_cast<std::size_t>(bytes);
}

}  // namespace

ImagePool::ImagePool(const Dataset& dataset, std::span<const std::int64_t> indices,
                     const Preprocess& preprocess, int threads, const Progress& progress)
    : height_(preprocess.height),
      width_(preprocess.width),
      pixels_(bytes_for(static_cast<std::int64_t>(indices.size()), preprocess)),
      labels_(indices.size(), -1) {
  const auto read = [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    const Sample sample = dataset.get(indices[at]);
    const Tensor image = fit_image(sample.image, preprocess);
    std::ranges::copy(image.values<std::uint8_t>(),
                      pixels_.begin() + static_cast<std::ptrdiff_t>(at * image_bytes()));
    labels_[at] = sample.label;
  };
  for_each_index(count(), threads, [&] { return read; }, progress);
}

std::vector<std::int64_t> shuffled(std::vector<std::int64_t> indices, std::uint64_t seed) {
  Rng rng(seed);
  for (std::size_t i = indices.size(); i > 1; --i) std::swap(indices[i - 1], indices[rng.below(i)]);
  return indices;
}

TrainingSplit split_for_validation(std::int64_t count, double share, std::uint64_t seed) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), std::int64_t{0});
  all = shuffled(std::move(all), mix_seed(seed, kValidationStream));
  const auto kept = all.begin() + std::llround(share * static_cast<double>(count));
  TrainingSplit split{.training = {kept, all.end()}, .validation = {all.begin(), kept}};
  std::ranges::sort(split.training);
  std::ranges::sort(split.validation);
  return split;
}

EpochOrder::EpochOrder(std::vector<std::int64_t> order, std::int64_t batch, int rank, int size)
    : order_(std::move(order)),
      batch_(std::min(batch, static_cast<std::int64_t>(order_.size()))),
      rank_(rank),
      size_(size) {
  if (batch_ < size)
    throw Error(ErrorKind::kInvalid, "a batch of " + std::to_string(batch_) +
                                         " images cannot be shared by " + std::to_string(size) +
                                         " processes");
}

std::int64_t EpochOrder::batches() const {
  return static_cast<std::int64_t>(order_.size()) / batch_;
}

std::span<const std::int64_t> EpochOrder::mine(std::int64_t batch) const {
  const std::int64_t first = batch_ * rank_ / size_;
  const std::int64_t last = batch_ * (rank_ + 1) / size_;
  return std::span(order_).subspan(static_cast<std::size_t>(batch * batch_ + first),
                                   static_cast<std::size_t>(last - first));
}

}  // namespace isthmus
