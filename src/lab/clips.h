#pragma once

#include <string>

#include "lab/image_set.h"

namespace isthmus {

struct ClipOptions {
  // Images of a clip; 0 for what the network takes.
  int length = 0;
  // Every so many images of the video is one of the clip.
  int stride = 1;
  // Clips; 0: all.
  std::int64_t limit = 0;
};

// Clips of a video or a folder of images, one after the other, for a network of input 1 x 3 x
// length x height x width (C3D): resized, cropped, scaled to [0, 1] as `input` says, f32. Throws
// what open_dataset throws; Error{kInvalid} for another input, a length that is not the network's,
// or too few images.
ImageSet open_clips(const std::string& spec, const PlanInput& input, const ClipOptions& options);

// Whether a network takes clips.
bool takes_clips(const PlanInput& input);

}  // namespace isthmus
