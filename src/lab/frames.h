#pragma once

#include <cstdint>
#include <string>

#include "engine/verify.h"
#include "lab/clips.h"
#include "lab/image_set.h"

namespace isthmus {

// The source of frames that every network takes: seeded values in the shape of its input.
inline constexpr const char* kRandomFrames = "random";

struct FrameOptions {
  Split split = Split::kTest;
  // Frames; 0: all.
  std::int64_t limit = 0;
  std::uint64_t seed = 1;
  // For a network that takes clips; its limit is the one above.
  ClipOptions clips;
};

// What a network's source sends, whatever it takes: images of a data set, folder, file or camera
// (open_images), clips of them (open_clips), or, for the spec "random", pixels or tensors without
// meaning and without end. Throws what those throw; Error{kInvalid} for a network that takes
// neither image nor clip, which has only "random".
ImageSet open_frames(const std::string& spec, const PlanInput& input, const FrameOptions& options);

// `data`, or "random" for a network that takes neither image nor clip.
std::string frames_from(const std::string& data, const PlanInput& input);

// The same frames as the network's own input, normalised: to compare its parts with the whole on.
InputSource frame_inputs(const Graph& graph, const std::string& model, const std::string& spec,
                         std::int64_t limit, const ClipOptions& clips = {});

}  // namespace isthmus
