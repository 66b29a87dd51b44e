#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace isthmus {

// 0 to 1 a channel.
using Rgb = std::array<float, 3>;

// A square picture being painted, without any library whose result depends on the CPU.
class Canvas {
 public:
  explicit Canvas(int size) : size_(size), pixels_(index_of(0, size)) {}

  int size() const { return size_; }
  Rgb& at(int x, int y) { return pixels_[index_of(x, y)]; }

  // Mixes `colour` into the pixels by `coverage(x, y)` in [0, 1], x and y being a pixel's middle.
  template <typename Coverage>
  void paint(const Rgb& colour, Coverage coverage);

  // Binomial blur, [1 2 1] / 4 both ways, `times` over: a Gaussian of variance times / 2.
  void blur(int times);
  // Adds noise of about this standard deviation, per pixel and channel.
  void add_noise(Rng& rng, float deviation);
  // u8 size x size x 3; values are clamped and rounded.
  Tensor to_image() const;

 private:
  std::size_t index_of(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(size_) +
           static_cast<std::size_t>(x);
  }

  int size_;
  std::vector<Rgb> pixels_;
};

inline Rgb mix(const Rgb& from, const Rgb& to, float part) {
  return {from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1]),
          from[2] + part * (to[2] - from[2])};
}

// How much of a pixel of width `pixel` is inside an outline at that distance.
inline float inside(float distance, float pixel) {
  return std::clamp(0.5F - distance / pixel, 0.0F, 1.0F);
}

template <typename Coverage>
void Canvas::paint(const Rgb& colour, Coverage coverage) {
  for (int y = 0; y < size_; ++y)
    for (int x = 0; x < size_; ++x) {
      const float part = coverage(static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F);
      if (part > 0) at(x, y) = mix(at(x, y), colour, part);
    }
}

// Smooth random values between 0 and 1 over the picture, as of plaster or leaves: a grid of
// `cells` x `cells` random values, interpolated.
class ValueNoise {
 public:
  ValueNoise(int cells, Rng& rng);

  // x and y from 0 to 1.
  float operator()(float x, float y) const;

 private:
  float corner(int x, int y) const {
    return values_[static_cast<std::size_t>(y) * static_cast<std::size_t>(cells_ + 1) +
                   static_cast<std::size_t>(x)];
  }

  int cells_;
  std::vector<float> values_;
};

}  // namespace isthmus
