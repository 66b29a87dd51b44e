// Networks of depthwise separable convolutions: MobileNetV2, Xception.
#include <fmt/format.h>

#include <cstdint>
#include <numbers>
#include <string>

#include "zoo/layers.h"
#include "zoo/networks.h"

namespace isthmus {

namespace {

// --- MobileNetV2

std::string relu6(GraphBuilder& net, const std::string& x, std::int64_t channels,
                  const WindowOptions& window, const std::string& name) {
  return net.relu6(conv_bn(net, x, channels, window, {.name = name}), name + ".relu6");
}

struct InvertedResidual {
  std::int64_t expansion;
  std::int64_t channels;
  std::int64_t stride;
};

std::string inverted_residual(GraphBuilder& net, const std::string& x,
                              const InvertedResidual& shape, const std::string& name) {
  const std::int64_t inputs = net.channels_of(x);
  const std::int64_t hidden = inputs * shape.expansion;
  const bool residual = shape.stride == 1 && inputs == shape.channels;
  const auto wide = shape.expansion == 1 ? x : relu6(net, x, hidden, {}, name + ".expand");
  const auto filtered = relu6(
      net, wide, hidden, {.kernel = {3}, .stride = {shape.stride}, .pad = {1}, .groups = hidden},
      name + ".depthwise");
  const auto narrow = conv_bn(net, filtered, shape.channels, {},
                              {.name = name + ".project", .gain = residual ? kResidualGain : 1});
  return residual ? net.add(x, narrow, name + ".add") : narrow;
}

// --- Xception

// Depthwise 3x3, then 1x1, then normalization. There is no ReLU between the two that would halve
// the variance, so the normalization does.
std::string separable(GraphBuilder& net, const std::string& x, std::int64_t channels,
                      BatchNormOptions norm) {
  const auto filtered = net.conv(
      x, net.channels_of(x),
      {.kernel = {3}, .pad = {1}, .groups = net.channels_of(x), .name = norm.name + ".depthwise"});
  norm.gain *= std::numbers::sqrt2 / 2;
  return conv_bn(net, filtered, channels, {}, norm);
}

struct DownBlock {
  std::int64_t inner;
  std::int64_t channels;
  // The first block follows a ReLU already.
  bool begins_with_relu = true;
};

std::string down_block(GraphBuilder& net, const std::string& x, const DownBlock& shape,
                       const std::string& name) {
  const auto shortcut =
      conv_bn(net, x, shape.channels, {.stride = {2}}, {.name = name + ".shortcut"});
  auto branch = shape.begins_with_relu ? net.relu(x, name + ".1.relu") : x;
  branch = separable(net, branch, shape.inner, {.name = name + ".1"});
  branch = net.relu(branch, name + ".2.relu");
  branch = separable(net, branch, shape.channels, {.name = name + ".2", .gain = kResidualGain});
  branch = net.max_pool(branch, {.kernel = {3}, .stride = {2}, .pad = {1}, .name = name + ".pool"});
  return net.add(branch, shortcut, name);
}

std::string middle_block(GraphBuilder& net, const std::string& x, const std::string& name) {
  std::string branch = x;
  for (int i = 1; i <= 3; ++i) {
    const auto layer = fmt::format("{}.{}", name, i);
    const auto active = net.relu(branch, layer + ".relu");
    branch = separable(net, active, net.channels_of(x),
                       {.name = layer, .gain = i == 3 ? kResidualGain : 1});
  }
  return net.add(branch, x, name);
}

}  // namespace

std::string mobilenet_v2(GraphBuilder& net, const std::string& image, const ZooOptions& options) {
  struct Stage {
    std::int64_t expansion, channels, blocks, stride;
  };
  std::string x = relu6(net, image, 32, {.kernel = {3}, .stride = {2}, .pad = {1}}, "stem");
  int block = 0;
  for (const Stage& stage : {Stage{1, 16, 1, 1},
                             {6, 24, 2, 2},
                             {6, 32, 3, 2},
                             {6, 64, 4, 2},
                             {6, 96, 3, 1},
                             {6, 160, 3, 2},
                             {6, 320, 1, 1}})
    for (std::int64_t i = 0; i < stage.blocks; ++i)
      x = inverted_residual(net, x, {stage.expansion, stage.channels, i == 0 ? stage.stride : 1},
                            "block" + std::to_string(++block));
  return pooled_classifier(net, relu6(net, x, 1280, {}, "last"), options.classes);
}

std::string xception(GraphBuilder& net, const std::string& image, const ZooOptions& options) {
  std::string x = conv_bn_relu(net, image, 32, {.kernel = {3}, .stride = {2}}, {.name = "stem.1"});
  x = conv_bn_relu(net, x, 64, {.kernel = {3}}, {.name = "stem.2"});
  x = down_block(net, x, {.inner = 128, .channels = 128, .begins_with_relu = false}, "block1");
  x = down_block(net, x, {.inner = 256, .channels = 256}, "block2");
  x = down_block(net, x, {.inner = 728, .channels = 728}, "block3");
  for (int i = 4; i <= 11; ++i) x = middle_block(net, x, "block" + std::to_string(i));
  x = down_block(net, x, {.inner = 728, .channels = 1024}, "block12");
  x = net.relu(separable(net, x, 1536, {.name = "last.1"}), "last.1.relu");
  x = net.relu(separable(net, x, 2048, {.name = "last.2"}), "last.2.relu");
  return pooled_classifier(net, x, options.classes);
}

}  // namespace isthmus
