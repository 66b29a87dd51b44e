#include "split/layer_design.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace isthmus {
namespace {

struct Window {
  std::int64_t kernel;
  std::int64_t stride;
};

// The pad on both sides with which a window takes `from` to `to`, at most `most`.
std::optional<std::int64_t> conv_pad(std::int64_t from, std::int64_t to, Window window,
                                     std::int64_t most) {
  for (std::int64_t pad = 0; pad <= most; ++pad) {
    const std::int64_t room = from + 2 * pad - window.kernel;
    if (room >= 0 && room / window.stride + 1 == to) return pad;
  }
  return std::nullopt;
}

std::optional<std::int64_t> deconv_pad(std::int64_t from, std::int64_t to, Window window,
                                       std::int64_t most) {
  for (std::int64_t pad = 0; pad <= most; ++pad)
    if ((from - 1) * window.stride + window.kernel - 2 * pad == to) return pad;
  return std::nullopt;
}

// `pad_of` is one of the above; the same window has to fit both axes.
template <typename PadOf>
std::optional<LayerDesign> fit(const FeatureShape& from, const FeatureShape& to, Window window,
                               std::int64_t most_pad, PadOf pad_of) {
  const auto rows = pad_of(from.height, to.height, window, most_pad);
  const auto columns = pad_of(from.width, to.width, window, most_pad);
  if (!rows || !columns) return std::nullopt;
  return LayerDesign{.channels = to.channels,
                     .kernel = window.kernel,
                     .stride = window.stride,
                     .pad = *rows == *columns ? Shape{*rows} : Shape{*rows, *columns}};
}

// Pad of axis 0 (height) or 1.
std::int64_t pad_at(const LayerDesign& layer, std::size_t axis) {
  return layer.pad.size() == 1 ? layer.pad[0] : layer.pad[axis];
}

std::int64_t extent_behind(std::int64_t extent, const LayerDesign& layer, std::size_t axis) {
  const std::int64_t pads = 2 * pad_at(layer, axis);
  if (layer.kind == LayerKind::kDeconv) return (extent - 1) * layer.stride + layer.kernel - pads;
  const std::int64_t room = extent + pads - layer.kernel;
  return room < 0 ? 0 : room / layer.stride + 1;
}

FeatureShape behind(const FeatureShape& x, const LayerDesign& layer) {
  return {.channels = layer.channels > 0 ? layer.channels : x.channels,
          .height = extent_behind(x.height, layer, 0),
          .width = extent_behind(x.width, layer, 1)};
}

std::string write_layer(GraphBuilder& net, const std::string& x, const LayerDesign& layer,
                        const std::string& name) {
  WindowOptions window{.kernel = {layer.kernel}, .stride = {layer.stride}, .pad = layer.pad};
  std::string y;
  switch (layer.kind) {
    case LayerKind::kMaxPool: window.name = name + ".pool"; return net.max_pool(x, window);
    case LayerKind::kAveragePool: window.name = name + ".pool"; return net.average_pool(x, window);
    case LayerKind::kConv:
      window.name = name + ".conv";
      y = net.conv(x, layer.channels, window);
      break;
    case LayerKind::kDeconv:
      window.name = name + ".deconv";
      y = net.deconv(x, layer.channels, window);
      break;
  }
  y = net.batch_norm(y, name + ".bn");
  return layer.relu ? net.relu(y, name + ".relu") : y;
}

}  // namespace

std::string to_string(const FeatureShape& shape) {
  return to_string(Shape{shape.channels, shape.height, shape.width});
}

FeatureShape output_of(FeatureShape x, std::span<const LayerDesign> layers) {
  for (const LayerDesign& layer : layers) x = behind(x, layer);
  return x;
}

std::int64_t macs_of(FeatureShape x, std::span<const LayerDesign> layers) {
  std::int64_t macs = 0;
  for (const LayerDesign& layer : layers) {
    const FeatureShape y = behind(x, layer);
    const std::int64_t kernel = layer.kernel * layer.kernel;
    if (layer.kind == LayerKind::kConv) macs += y.elements() * x.channels * kernel;
    if (layer.kind == LayerKind::kDeconv) macs += x.elements() * y.channels * kernel;
    x = y;
  }
  return macs;
}

std::optional<LayerDesign> fitting_conv(const FeatureShape& from, const FeatureShape& to) {
  struct Choice {
    std::int64_t kernel, most_pad;
  };
  constexpr std::array<Choice, 6> kChoices = {{{3, 1}, {2, 1}, {3, 2}, {5, 2}, {4, 2}, {5, 3}}};
  constexpr std::int64_t kMostStride = 4;
  const double quotient = static_cast<double>(from.height) / static_cast<double>(to.height);
  const auto nearest = std::clamp<std::int64_t>(std::llround(quotient), 1, kMostStride);
  for (const std::int64_t stride : {nearest, nearest + 1, nearest - 1}) {
    if (stride < 1 || stride > kMostStride) continue;
    for (const Choice& choice : kChoices) {
      // A smaller kernel would leave out pixels.
      if (choice.kernel < stride) continue;
      if (auto layer = fit(from, to, {choice.kernel, stride}, choice.most_pad, conv_pad))
        return layer;
    }
  }
  return std::nullopt;
}

std::optional<LayerDesign> fitting_deconv(const FeatureShape& from, const FeatureShape& to) {
  std::vector<Window> windows = {{4, 2}, {3, 2}};
  if (from.height == to.height && from.width == to.width) windows = {{3, 1}};
  for (const Window& window : windows)
    if (auto layer = fit(from, to, window, 2, deconv_pad)) {
      layer->kind = LayerKind::kDeconv;
      return layer;
    }
  return std::nullopt;
}

std::string write_layers(GraphBuilder& net, const std::string& x,
                         std::span<const LayerDesign> layers, const std::string& prefix) {
  std::string at = x;
  for (std::size_t i = 0; i < layers.size(); ++i)
    at = write_layer(net, at, layers[i], prefix + '.' + std::to_string(i + 1));
  return at;
}

}  // namespace isthmus
