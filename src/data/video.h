#pragma once

#include <filesystem>
#include <memory>

#include "data/dataset.h"

namespace isthmus {

// The frames of a video file. Throws Error{kNotFound}, or Error{kInvalid} for a file without frames
// that can be decoded.
std::unique_ptr<Dataset> open_video(const std::filesystem::path& file);

// Frames of the `number`-th camera, one for each `get`, whatever the index. Throws
// Error{kUnavailable} if it cannot be opened.
std::unique_ptr<Dataset> open_camera(int number);

}  // namespace isthmus
