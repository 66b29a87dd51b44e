#include "lab/clips.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/error.h"
#include "data/preprocess.h"

namespace isthmus {
namespace {

// Copies 1 x 3 x height x width into its place in 1 x 3 x length x height x width.
void place_image(std::span<const float> image, std::int64_t at, std::int64_t length,
                 std::span<float> clip) {
  const std::size_t plane = image.size() / 3;
  for (std::size_t channel = 0; channel < 3; ++channel)
    std::ranges::copy(
        image.subspan(channel * plane, plane),
        clip.begin() + static_cast<std::ptrdiff_t>((channel * static_cast<std::size_t>(length) +
                                                    static_cast<std::size_t>(at)) *
                                                   plane));
}

}  // namespace

bool takes_clips(const PlanInput& input) {
  return input.width == 0 && input.shape.size() == 5 && input.shape[1] == 3;
}

ImageSet open_clips(const std::string& spec, const PlanInput& input, const ClipOptions& options) {
  if (!takes_clips(input))
    throw Error(ErrorKind::kInvalid,
                "the network's input " + to_string(input.shape) + " is no clip");
  const std::int64_t length = input.shape[2];
  if (options.length > 0 && options.length != length)
    throw Error(ErrorKind::kInvalid, fmt::format("the network takes clips of {} images, not {}",
                                                 length, options.length));
  if (options.stride < 1) throw Error(ErrorKind::kInvalid, "a clip's stride must be at least 1");
  const std::shared_ptr<const Dataset> dataset = open_dataset(spec, Split::kTest);
  const std::int64_t span = length * options.stride;
  std::int64_t count = kEndless;
  if (dataset->size() != kEndless) count = dataset->size() / span;
  if (count < 1)
    throw Error(ErrorKind::kInvalid,
                fmt::format("{} has {} images; a clip of {} every {} needs {}", spec,
                            dataset->size(), length, options.stride, span));
  if (options.limit > 0) count = std::min(count, options.limit);
  const Preprocess preprocess{
      .width = static_cast<int>(input.shape[4]),
      .height = static_cast<int>(input.shape[3]),
      .resize = 0,
      .normalization = {.scale = input.scale, .mean = input.mean, .std = input.std}};
  const auto clip = [=, stride = options.stride](std::int64_t index) {
    Seconds prepare{0};
    Tensor tensor(DType::kF32, input.shape);
    for (std::int64_t i = 0; i < length; ++i) {
      const Sample sample = dataset->get(index * span + i * stride);
      const Seconds start = thread_cpu_time();
      const Tensor image = prepare_image(sample.image, preprocess);
      place_image(image.values<float>(), i, length, tensor.mutable_values<float>());
      prepare += thread_cpu_time() - start;
    }
    return LabelledImage{std::move(tensor), -1, prepare};
  };
  return {.count = count, .class_names = {}, .get = clip};
}

}  // namespace isthmus
