#include "data/canvas.h"

#include <cstdint>

namespace isthmus {
namespace {

// A row or a column, whose neighbours are `step` apart.
void blur_line(Rgb* line, int count, int step) {
  Rgb before = line[0];
  for (int i = 0; i < count; ++i) {
    const Rgb here = line[i * step];
    const Rgb& after = line[std::min(i + 1, count - 1) * step];
    for (std::size_t c = 0; c < 3; ++c)
      line[i * step][c] = 0.25F * before[c] + 0.5F * here[c] + 0.25F * after[c];
    before = here;
  }
}

float smooth(float t) { return t * t * (3 - 2 * t); }

}  // namespace

void Canvas::blur(int times) {
  for (int i = 0; i < times; ++i) {
    for (int y = 0; y < size_; ++y) blur_line(&at(0, y), size_, 1);
    for (int x = 0; x < size_; ++x) blur_line(&at(x, 0), size_, size_);
  }
}

void Canvas::add_noise(Rng& rng, float deviation) {
  // A channel gets the sum of three numbers of 7 bits: mean 190.5, deviation 64.0.
  const float step = deviation / 64;
  for (Rgb& pixel : pixels_) {
    std::uint64_t bits = rng.bits();
    for (float& channel : pixel) {
      const auto sum = (bits & 127) + (bits >> 7 & 127) + (bits >> 14 & 127);
      channel += step * (static_cast<float>(sum) - 190.5F);
      bits >>= 21;
    }
  }
}

Tensor Canvas::to_image() const {
  Tensor image(DType::kU8, {size_, size_, 3});
  auto out = image.mutable_values<std::uint8_t>().begin();
  for (const Rgb& pixel : pixels_)
    for (const float channel : pixel)
      *out++ = static_cast<std::uint8_t>(std::clamp(channel * 255 + 0.5F, 0.0F, 255.0F));
  return image;
}

ValueNoise::ValueNoise(int cells, Rng& rng)
    : cells_(cells),
      values_(static_cast<std::size_t>(cells + 1) * static_cast<std::size_t>(cells + 1)) {
  for (float& value : values_) value = static_cast<float>(rng.uniform());
}

float ValueNoise::operator()(float x, float y) const {
  const float u = x * static_cast<float>(cells_);
  const float v = y * static_cast<float>(cells_);
  const int left = std::min(static_cast<int>(u), cells_ - 1);
  const int top = std::min(static_cast<int>(v), cells_ - 1);
  const float across = smooth(u - static_cast<float>(left));
  const float down = smooth(v - static_cast<float>(top));
  const float upper = corner(left, top) + across * (corner(left + 1, top) - corner(left, top));
  const float lower =
      corner(left, top + 1) + across * (corner(left + 1, top + 1) - corner(left, top + 1));
  return upper + down * (lower - upper);
}

}  // namespace isthmus
