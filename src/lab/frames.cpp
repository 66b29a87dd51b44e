#include "lab/frames.h"

#include <algorithm>

#include "codec/normalise.h"
#include "core/error.h"
#include "engine/random_tensor.h"

namespace isthmus {
namespace {

ImageSet random_frames(const PlanInput& input, const FrameOptions& options) {
  const auto frame = [input, seed = options.seed](std::int64_t index) {
    const std::uint64_t own_seed = seed + static_cast<std::uint64_t>(index);
    return LabelledImage{
        .image = input.width > 0
                     ? random_tensor(DType::kU8, {input.height, input.width, 3}, own_seed)
                     : random_tensor(DType::kF32, input.shape, own_seed)};
  };
  return {.count = options.limit > 0 ? options.limit : kEndless, .class_names = {}, .get = frame};
}

}  // namespace

ImageSet open_frames(const std::string& spec, const PlanInput& input, const FrameOptions& options) {
  if (spec == kRandomFrames) return random_frames(input, options);
  if (takes_clips(input)) {
    ClipOptions clips = options.clips;
    clips.limit = options.limit;
    return open_clips(spec, input, clips);
  }
  if (input.width == 0)
    throw Error(ErrorKind::kInvalid, "the network takes " + to_string(input.shape) +
                                         ", neither image nor clip: only \"" + kRandomFrames +
                                         "\" can be its source");
  return open_images(spec, options.split, input, options.limit, options.seed);
}

std::string frames_from(const std::string& data, const PlanInput& input) {
  return input.width > 0 || takes_clips(input) ? data : kRandomFrames;
}

InputSource frame_inputs(const Graph& graph, const std::string& model, const std::string& spec,
                         std::int64_t limit, const ClipOptions& clips) {
  const PlanInput input = plan_input(graph, model);
  const ImageSet frames = open_frames(spec, input, {.limit = limit, .clips = clips});
  const Normalization normalization{.scale = input.scale, .mean = input.mean, .std = input.std};
  const std::int64_t count = frames.count == kEndless ? limit : std::min(frames.count, limit);
  return [=](std::int64_t index) -> std::optional<std::vector<Tensor>> {
    if (index >= count) return std::nullopt;
    Tensor frame = frames.get(index).image;
    if (input.width > 0) frame = normalise(frame, normalization);
    return std::vector<Tensor>{std::move(frame)};
  };
}

}  // namespace isthmus
