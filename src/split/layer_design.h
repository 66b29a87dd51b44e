#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/builder.h"

namespace isthmus {

// Channels x height x width of an image or of features.
struct FeatureShape {
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;

  std::int64_t elements() const { return channels * height * width; }
  friend bool operator==(const FeatureShape&, const FeatureShape&) = default;
};

// "12x14x14".
std::string to_string(const FeatureShape& shape);

enum class LayerKind : std::uint8_t { kConv, kDeconv, kMaxPool, kAveragePool };

// One layer of an encoder or decoder before it is a node: numbers to compare and to count with.
struct LayerDesign {
  LayerKind kind = LayerKind::kConv;
  // Of the output; 0 for a pooling, which keeps them.
  std::int64_t channels = 0;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  // As in WindowOptions: for both axes, or one for each.
  Shape pad = {1};
  // Behind a (transposed) convolution and its batch normalization.
  bool relu = true;
};

using LayerDesigns = std::vector<LayerDesign>;

// Shape behind all layers; an extent below 1 if one of them is too large for what it gets.
FeatureShape output_of(FeatureShape x, std::span<const LayerDesign> layers);
// Of convolutions and transposed ones, as graph/cost.h counts them.
std::int64_t macs_of(FeatureShape x, std::span<const LayerDesign> layers);

// A convolution that takes `from` to exactly `to`, with a small kernel (3 if possible, 2 to 5), the
// stride nearest to the quotient (1 to 4) and equal pads on both sides; none if there is none.
std::optional<LayerDesign> fitting_conv(const FeatureShape& from, const FeatureShape& to);
// A transposed convolution of kernel 3 or 4 likewise: stride 2 (twice the extents and up to 2 more
// or less), or stride 1 where the extents are equal.
std::optional<LayerDesign> fitting_deconv(const FeatureShape& from, const FeatureShape& to);

// Writes the layers behind tensor `x` and returns the last tensor. The i-th layer (from 1) is named
// PREFIX.i.conv, .bn and .relu, .deconv or .pool.
std::string write_layers(GraphBuilder& net, const std::string& x,
                         std::span<const LayerDesign> layers, const std::string& prefix);

}  // namespace isthmus
