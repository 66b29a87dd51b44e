#pragma once

#include <cstdint>
#include <span>

namespace isthmus {

// What is beyond the border of an image that is cropped with padding.
enum class Border : std::uint8_t {
  kZero,     // Black.
  kReflect,  // The image mirrored, the outermost pixels once.
};

// How training images are varied.
struct Augmentation {
  // Pixels added on every side before a crop of the output's size at a random place.
  int padding = 0;
  Border border = Border::kZero;
  // Mirrored left to right, half of the images.
  bool flip = false;
  // Above 0: instead of that crop a random rectangle of this share of the image's area or more, its
  // sides in a ratio between 3:4 and 4:3, resized to the output's size (as for 224 px, Szegedy et
  // al. 2015; 0.08 is usual).
  double least_area = 0;

  bool changes() const { return padding > 0 || flip || least_area > 0; }
};

// A seed for one image in one epoch, whatever its place in a batch and whoever holds it.
std::uint64_t augmentation_seed(std::uint64_t seed, std::int64_t epoch, std::int64_t index);

// u8 height x width x 3; the pixels belong to someone else.
struct PixelView {
  const std::uint8_t* pixels = nullptr;
  int height = 0;
  int width = 0;
};

// Writes a variant of `image` to `out`: height x width x 3 bytes. Equal arguments, equal bytes on
// every CPU (integers and IEEE arithmetic alone). Without random resizing, padding and output must
// fit: height + 2 padding >= output height, and the same in width. Throws Error{kInvalid} if they
// do not, for a reflection wider than the image, and for a share of area outside 0 to 1.
void augment(const PixelView& image, const Augmentation& how, std::uint64_t seed, int height,
             int width, std::span<std::uint8_t> out);

}  // namespace isthmus
