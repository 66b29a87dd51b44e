#include "data/augment.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/rng.h"

namespace isthmus {
namespace {

constexpr int kChannels = 3;

struct Window {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
};

void check(const PixelView& image, const Augmentation& how, int height, int width) {
  if (!(how.least_area >= 0 && how.least_area <= 1))
    throw Error(ErrorKind::kInvalid,
                "the share of a crop's area must be in [0, 1]: " + std::to_string(how.least_area));
  if (how.least_area > 0) return;
  const int padding = how.padding;
  if (padding < 0 || image.height + 2 * padding < height || image.width + 2 * padding < width)
    throw Error(ErrorKind::kInvalid, "no crop of " + std::to_string(height) + 'x' +
                                         std::to_string(width) + " fits an image of " +
                                         std::to_string(image.height) + 'x' +
                                         std::to_string(image.width) + " with " +
                                         std::to_string(padding) + " pixels of padding");
  if (how.border == Border::kReflect && padding >= std::min(image.height, image.width))
    throw Error(ErrorKind::kInvalid, "an image of " + std::to_string(image.height) + 'x' +
                                         std::to_string(image.width) + " cannot be mirrored by " +
                                         std::to_string(padding) + " pixels");
}

// The pixel that is mirrored to `at`, or -1 for black.
int source_of(int at, int extent, Border border) {
  if (at >= 0 && at < extent) return at;
  if (border == Border::kZero) return -1;
  return at < 0 ? -at : 2 * (extent - 1) - at;
}

void copy_row(const std::uint8_t* row, int row_width, const Window& window, Border border,
              std::uint8_t* out) {
  const int from = std::clamp(-window.left, 0, window.width);
  const int to = std::clamp(row_width - window.left, from, window.width);
  const auto run = static_cast<std::size_t>(to - from) * kChannels;
  if (run > 0) std::memcpy(out + from * kChannels, row + (window.left + from) * kChannels, run);
  for (int x = 0; x < window.width; ++x) {
    if (x == from) x = to;
    if (x >= window.width) break;
    const int source = source_of(window.left + x, row_width, border);
    for (int c = 0; c < kChannels; ++c)
      out[x * kChannels + c] = source < 0 ? std::uint8_t{0} : row[source * kChannels + c];
  }
}

void crop(const PixelView& image, const Window& window, Border border, std::uint8_t* out) {
  const std::size_t stride = static_cast<std::size_t>(window.width) * kChannels;
  for (int y = 0; y < window.height; ++y, out += stride) {
    const int source = source_of(window.top + y, image.height, border);
    if (source < 0)
      std::memset(out, 0, stride);
    else
      copy_row(image.pixels + static_cast<std::ptrdiff_t>(source) * image.width * kChannels,
               image.width, window, border, out);
  }
}

// Where an output pixel lies between two input pixels, in 1/2048.
struct Tap {
  int first = 0;
  int second = 0;
  int weight = 0;
};

constexpr int kUnit = 2048;

std::vector<Tap> taps(int begin, int extent, int outputs) {
  std::vector<Tap> result;
  const double step = static_cast<double>(extent) / outputs;
  for (int i = 0; i < outputs; ++i) {
    const double at = std::clamp((i + 0.5) * step - 0.5, 0.0, static_cast<double>(extent - 1));
    const int first = static_cast<int>(at);
    result.push_back({.first = begin + first,
                      .second = begin + std::min(first + 1, extent - 1),
                      .weight = static_cast<int>((at - first) * kUnit)});
  }
  return result;
}

// Bilinear, in integers.
void resize(const PixelView& image, const Window& window, int height, int width,
            std::uint8_t* out) {
  const std::vector<Tap> rows = taps(window.top, window.height, height);
  const std::vector<Tap> columns = taps(window.left, window.width, width);
  for (const Tap& row : rows) {
    const auto* above =
        image.pixels + static_cast<std::ptrdiff_t>(row.first) * image.width * kChannels;
    const auto* below =
        image.pixels + static_cast<std::ptrdiff_t>(row.second) * image.width * kChannels;
    for (const Tap& column : columns)
      for (int c = 0; c < kChannels; ++c) {
        const int left = column.first * kChannels + c, right = column.second * kChannels + c;
        const int top = above[left] * (kUnit - column.weight) + above[right] * column.weight;
        const int bottom = below[left] * (kUnit - column.weight) + below[right] * column.weight;
        const std::int64_t sum = static_cast<std::int64_t>(top) * (kUnit - row.weight) +
                                 static_cast<std::int64_t>(bottom) * row.weight;
        constexpr std::int64_t kSquare = std::int64_t{kUnit} * kUnit;
        *out++ = static_cast<std::uint8_t>((sum + kSquare / 2) / kSquare);
      }
  }
}

// Uniform in [0, count).
int below(Rng& rng, int count) {
  return static_cast<int>(rng.below(static_cast<std::uint64_t>(count)));
}

// A rectangle of random area and shape; the largest of the output's shape if ten tries do not fit.
Window random_rectangle(const PixelView& image, double least_area, int height, int width,
                        Rng& rng) {
  constexpr int kTries = 10;
  constexpr double kFlattest = 0.75;
  const double area = static_cast<double>(image.height) * image.width;
  for (int i = 0; i < kTries; ++i) {
    const double part = area * rng.uniform(least_area, 1);
    // Uniform between 3:4 and 1:1, either way up; logarithms are not the same on every CPU.
    double ratio = rng.uniform(kFlattest, 1);
    if (rng.below(2) == 1) ratio = 1 / ratio;
    const int columns = static_cast<int>(std::lround(std::sqrt(part * ratio)));
    const int lines = static_cast<int>(std::lround(std::sqrt(part / ratio)));
    if (columns < 1 || lines < 1 || columns > image.width || lines > image.height) continue;
    const int top = below(rng, image.height - lines + 1);
    const int left = below(rng, image.width - columns + 1);
    return {top, left, lines, columns};
  }
  const double scale = std::min(static_cast<double>(image.height) / height,
                                static_cast<double>(image.width) / width);
  const int lines = std::max(static_cast<int>(height * scale), 1);
  const int columns = std::max(static_cast<int>(width * scale), 1);
  return {(image.height - lines) / 2, (image.width - columns) / 2, lines, columns};
}

Window random_crop(const PixelView& image, int padding, int height, int width, Rng& rng) {
  const auto place = [&](int extent, int wanted) {
    return below(rng, extent + 2 * padding - wanted + 1) - padding;
  };
  const int top = place(image.height, height);
  return {top, place(image.width, width), height, width};
}

void mirror(std::span<std::uint8_t> pixels, int width) {
  for (std::size_t row = 0; row < pixels.size(); row += static_cast<std::size_t>(width) * kChannels)
    for (int x = 0; x < width / 2; ++x)
      std::swap_ranges(&pixels[row] + x * kChannels, &pixels[row] + (x + 1) * kChannels,
                       &pixels[row] + (width - 1 - x) * kChannels);
}

}  // namespace

std::uint64_t augmentation_seed(std::uint64_t seed, std::int64_t epoch, std::int64_t index) {
  return mix_seed(mix_seed(seed, static_cast<std::uint64_t>(epoch)),
                  static_cast<std::uint64_t>(index));
}

void augment(const PixelView& image, const Augmentation& how, std::uint64_t seed, int height,
             int width, std::span<std::uint8_t> out) {
  check(image, how, height, width);
  assert(out.size() == static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
  Rng rng(seed);
  // Drawn first, so that it does not depend on how often a rectangle is tried.
  const bool flips = rng.below(2) == 1;
  if (how.least_area > 0)
    resize(image, random_rectangle(image, how.least_area, height, width, rng), height, width,
           out.data());
  else
    crop(image, random_crop(image, how.padding, height, width, rng), how.border, out.data());
  if (how.flip && flips) mirror(out, width);
}

}  // namespace isthmus
