#pragma once

#include <array>

#include "core/tensor.h"

namespace isthmus {

// From 8-bit pixels to a network's input: (x * scale - mean) / std per RGB channel, no exceptions.
struct Normalization {
  float scale = 1.0F / 255;
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};

  friend bool operator==(const Normalization&, const Normalization&) = default;
};

// `image` is u8 HxWx3 or 1xHxWx3, RGB; gives f32 1x3xHxW. Equal on every CPU: each of the 256
// values is computed in double precision and rounded once. Throws Error{kInvalid} for another type
// or shape and for a standard deviation of 0.
Tensor normalise(const Tensor& image, const Normalization& normalization);

}  // namespace isthmus
