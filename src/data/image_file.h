#pragma once

#include <filesystem>
#include <string_view>

#include "core/tensor.h"

namespace isthmus {

// By the ending of the name: .jpg .jpeg .png .webp .bmp .ppm, and .avi .mkv .mov .mp4 .mpg .webm.
bool is_image_name(std::string_view name);
bool is_video_name(std::string_view name);

// u8 HxWx3, RGB; grey pictures are widened, transparency is dropped, EXIF orientation is ignored
// (as where the published accuracies come from). Throws Error{kNotFound}, and Error{kInvalid} that
// names a damaged file, one cut short included.
Tensor read_image(const std::filesystem::path& file);

// In the format of the name's ending. Throws Error{kInvalid} for an ending that is none,
// Error{kIo}.
void write_image(const std::filesystem::path& file, const Tensor& image);

}  // namespace isthmus
