#include "split/presets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"

namespace isthmus {
namespace {

// No published layer is wider.
constexpr std::int64_t kWidest = 512;

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::kInvalid, what); }

std::string sides(const FeatureShape& shape) {
  return fmt::format("{}x{}", shape.height, shape.width);
}

// Layers of the greatest width, a multiple of 4 up to `most`, that stay within `budget`.
LayerDesigns widest(const DesignTask& task, const FeatureShape& from, std::int64_t budget,
                    const std::function<LayerDesigns(std::int64_t width)>& of_width) {
  constexpr std::int64_t kStep = 4;
  const std::int64_t most = std::min(2 * task.target.channels, kWidest);
  for (std::int64_t width = std::max(most / kStep, std::int64_t{1}) * kStep; width >= kStep;
       width -= kStep) {
    LayerDesigns layers = of_width(width);
    if (macs_of(from, layers) <= budget) return layers;
  }
  fail(
      fmt::format("no decoder to {} stays within {} MACs, what the teacher's layers up to {} leave "
                  "for it: take a later tensor",
                  to_string(task.target), format_count(static_cast<double>(budget)), task.tensor));
}

// The last layer has the sign of the teacher's tensor.
LayerDesigns signed_as(const DesignTask& task, LayerDesigns layers) {
  const auto last = std::ranges::find_if(layers.rbegin(), layers.rend(), [](const auto& layer) {
    return layer.kind == LayerKind::kConv || layer.kind == LayerKind::kDeconv;
  });
  if (last != layers.rend()) last->relu = task.rectified;
  return layers;
}

// --- hnd, bottlefit-sp1

// A fixed chain: what it makes of the image is its patch.
LayerDesigns fixed_encoder(const DesignTask& task, const StudentSpec& spec, LayerDesigns layers) {
  layers.back().relu = !spec.linear;
  const FeatureShape bottleneck = output_of(task.image, layers);
  if (bottleneck.height < 2 || bottleneck.width < 2)
    fail(fmt::format("an image of {} is too small for preset {}: take preset auto",
                     sides(task.image), spec.preset));
  if (spec.patch != 0 && spec.patch != bottleneck.height)
    fail(
        fmt::format("preset {} makes a patch of {} from an image of {}, not {}: take preset auto, "
                    "which makes any",
                    spec.preset, sides(bottleneck), sides(task.image), spec.patch));
  return layers;
}

LayerDesigns early_encoder(const DesignTask& task, const StudentSpec& spec) {
  LayerDesigns layers = large_stem();
  const FeatureShape stem = output_of(task.image, layers);
  // 56 -> 29 as published, and 75 -> 37.
  layers.push_back({.channels = spec.channels,
                    .kernel = 2,
                    .stride = 2,
                    .pad = {1 - stem.height % 2, 1 - stem.width % 2}});
  return fixed_encoder(task, spec, std::move(layers));
}

// 2x2 convolutions take the patch from n to n + 1 and then down by one each, to the target's side
// or a multiple of it by a power of two: poolings or transposed convolutions do the rest.
struct EarlyPath {
  std::int64_t shrinking = 0;
  int poolings = 0;
  int doublings = 0;
};

std::optional<EarlyPath> early_path(const FeatureShape& patch, const FeatureShape& target) {
  constexpr std::int64_t kMostShrinking = 4;
  constexpr int kMostFolds = 5;
  for (int folds = 0; folds <= kMostFolds; ++folds)
    for (const int sign : {1, -1}) {
      const auto scaled = [&](std::int64_t extent) -> std::int64_t {
        const std::int64_t factor = std::int64_t{1} << folds;
        if (sign > 0) return extent * factor;
        return extent % factor == 0 ? extent / factor : 0;
      };
      const std::int64_t rows = patch.height + 1 - scaled(target.height);
      const std::int64_t columns = patch.width + 1 - scaled(target.width);
      if (rows != columns || rows < 1 || rows > kMostShrinking) continue;
      return EarlyPath{rows, sign > 0 ? folds : 0, sign > 0 ? 0 : folds};
    }
  return std::nullopt;
}

LayerDesigns early_layers(const DesignTask& task, const EarlyPath& path, std::int64_t width) {
  LayerDesigns layers = {{.channels = width, .kernel = 2, .pad = {1}}};
  for (std::int64_t i = 0; i < path.shrinking; ++i)
    layers.push_back({.channels = width, .kernel = 2, .pad = {0}});
  for (int i = 0; i < path.doublings; ++i)
    layers.push_back(
        {.kind = LayerKind::kDeconv, .channels = width, .kernel = 4, .stride = 2, .pad = {1}});
  layers.back().channels = task.target.channels;
  for (int i = 0; i < path.poolings; ++i)
    layers.push_back({.kind = LayerKind::kAveragePool, .kernel = 2, .stride = 2, .pad = {0}});
  return signed_as(task, std::move(layers));
}

LayerDesigns early_decoder(const DesignTask& task, const LayerDesigns& encoder) {
  const FeatureShape patch = output_of(task.image, encoder);
  const auto path = early_path(patch, task.target);
  if (!path)
    fail(
        fmt::format("no decoder of this preset goes from a patch of {} to {} of {}: its sides are "
                    "{} to {}, times or over a power of two; take another tensor or preset auto",
                    sides(patch), task.tensor, sides(task.target), patch.height - 3, patch.height));
  return widest(task, patch, task.teacher_macs - macs_of(task.image, encoder),
                [&](std::int64_t width) { return early_layers(task, *path, width); });
}

// --- bottlefit-sp2

LayerDesigns later_encoder(const DesignTask& task, const StudentSpec& spec) {
  LayerDesigns layers = large_stem();
  layers.push_back({.channels = 256, .stride = 2});
  layers.push_back({.channels = spec.channels, .stride = 2});
  return fixed_encoder(task, spec, std::move(layers));
}

LayerDesigns doubling_layers(const DesignTask& task, const FeatureShape& patch,
                             std::int64_t width) {
  const int doublings = halvings(task.target.height, patch.height);
  LayerDesigns layers;
  FeatureShape at = patch;
  const auto add = [&](const std::optional<LayerDesign>& layer) {
    if (!layer)
      fail(fmt::format("no decoder goes from a patch of {} to {} of {}: take a patch of {}",
                       sides(patch), task.tensor, sides(task.target),
                       halved(task.target, doublings, 0).height));
    layers.push_back(*layer);
    at = output_of(at, {&layers.back(), 1});
  };
  add(fitting_conv(at, halved(task.target, doublings, width)));
  for (int i = doublings - 1; i >= 0; --i) add(fitting_deconv(at, halved(task.target, i, width)));
  layers.push_back({.channels = width});
  layers.push_back({.channels = task.target.channels});
  return signed_as(task, std::move(layers));
}

LayerDesigns doubling_decoder(const DesignTask& task, const LayerDesigns& encoder) {
  const FeatureShape patch = output_of(task.image, encoder);
  if (patch.height > task.target.height || patch.width > task.target.width)
    fail(
        fmt::format("a patch of {} is larger than {} of {}: take a patch of at most {}, or an "
                    "earlier tensor",
                    sides(patch), task.tensor, sides(task.target), task.target.height));
  return widest(task, patch, task.teacher_macs / 2,
                [&](std::int64_t width) { return doubling_layers(task, patch, width); });
}

// --- auto

// Images up to this side begin with a convolution of stride 1.
constexpr std::int64_t kSmallImage = 64;
constexpr std::int64_t kFirstWidth = 16;

FeatureShape patch_of(const DesignTask& task, const StudentSpec& spec) {
  const std::int64_t height = spec.patch > 0 ? spec.patch : (task.target.height + 1) / 2;
  const std::int64_t width = std::max<std::int64_t>(
      (height * task.image.width + task.image.height / 2) / task.image.height, 1);
  const FeatureShape patch{.channels = spec.channels, .height = height, .width = width};
  if (height > task.target.height || width > task.target.width)
    fail(
        fmt::format("a patch of {} is larger than {} of {}: take a patch of at most {}, or an "
                    "earlier tensor",
                    sides(patch), task.tensor, sides(task.target), task.target.height));
  return patch;
}

// Widths grow with each halving, times `scale`.
LayerDesigns scaled_encoder(const DesignTask& task, const FeatureShape& patch, double scale) {
  const int times = std::max(halvings(task.image.height, patch.height), 0);
  double width = kFirstWidth;
  const auto channels = [&] {
    return std::max<std::int64_t>(4 * std::llround(scale * width / 4), 4);
  };
  LayerDesigns layers;
  if (task.image.height <= kSmallImage || times == 0) {
    layers.push_back({.channels = channels()});
    width *= 2;
  }
  for (int i = 1; i < times; ++i, width *= 2)
    layers.push_back({.channels = channels(), .stride = 2});
  const FeatureShape at = output_of(task.image, layers);
  const auto last =
      fitting_conv(at, {.channels = channels(), .height = patch.height, .width = patch.width});
  if (!last)
    fail(fmt::format("no encoder goes from an image of {} to a patch of {}: take a patch of {}",
                     sides(task.image), sides(patch), halved(task.image, times, 0).height));
  layers.push_back(*last);
  layers.push_back({.channels = channels()});
  layers.push_back({.channels = patch.channels});
  return layers;
}

LayerDesigns auto_encoder(const DesignTask& task, const StudentSpec& spec) {
  const FeatureShape patch = patch_of(task, spec);
  const std::int64_t budget = encoder_budget(task, spec);
  constexpr double kMostScale = 4, kLeastScale = 0.2, kStep = 0.98;
  LayerDesigns layers;
  for (double scale = kMostScale; scale > kLeastScale; scale *= kStep) {
    layers = scaled_encoder(task, patch, scale);
    if (macs_of(task.image, layers) <= budget) break;
  }
  layers.back().relu = !spec.linear;
  return layers;
}

}  // namespace

const std::vector<BottleneckPreset>& presets() {
  static const std::vector<BottleneckPreset> table = {
      {"auto", 12, auto_encoder, doubling_decoder},
      {"hnd", 3, early_encoder, early_decoder},
      {"bottlefit-sp1", 12, early_encoder, early_decoder},
      {"bottlefit-sp2", 12, later_encoder, doubling_decoder},
  };
  return table;
}

LayerDesigns large_stem() {
  return {{.channels = 64, .kernel = 7, .stride = 2, .pad = {3}},
          {.kind = LayerKind::kMaxPool, .kernel = 3, .stride = 2, .pad = {1}}};
}

int halvings(std::int64_t from, std::int64_t to) {
  return static_cast<int>(
      std::lround(std::log2(static_cast<double>(from) / static_cast<double>(to))));
}

FeatureShape halved(const FeatureShape& whole, int times, std::int64_t channels) {
  const std::int64_t factor = std::int64_t{1} << times;
  return {.channels = channels,
          .height = (whole.height + factor - 1) / factor,
          .width = (whole.width + factor - 1) / factor};
}

}  // namespace isthmus
