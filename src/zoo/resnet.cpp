// ResNets for ImageNet and for CIFAR, and wide ResNets.
#include <cstdint>
#include <string>

#include "zoo/layers.h"
#include "zoo/networks.h"

namespace isthmus {

namespace {

std::string block_name(int stage, int block) {
  return "stage" + std::to_string(stage) + "." + std::to_string(block);
}

std::string stem(GraphBuilder& net, const std::string& image, Stem kind, std::int64_t channels) {
  if (kind == Stem::kSmall || kind == Stem::kHalf)
    return conv_bn_relu(net, image, channels,
                        {.kernel = {3}, .stride = {kind == Stem::kHalf ? 2 : 1}, .pad = {1}},
                        {.name = "stem"});
  const auto x = conv_bn_relu(net, image, channels, {.kernel = {7}, .stride = {2}, .pad = {3}},
                              {.name = "stem"});
  return net.max_pool(x, {.kernel = {3}, .stride = {2}, .pad = {1}, .name = "stem.pool"});
}

std::string basic_branch(GraphBuilder& net, const std::string& x, std::int64_t channels,
                         std::int64_t stride, const std::string& name) {
  const auto first = conv_bn_relu(net, x, channels, {.kernel = {3}, .stride = {stride}, .pad = {1}},
                                  {.name = name + ".1"});
  return conv_bn(net, first, channels, {.kernel = {3}, .pad = {1}},
                 {.name = name + ".2", .gain = kResidualGain});
}

std::string bottleneck_branch(GraphBuilder& net, const std::string& x, std::int64_t channels,
                              std::int64_t stride, const std::string& name) {
  const auto reduced = conv_bn_relu(net, x, channels / 4, {}, {.name = name + ".1"});
  const auto spatial =
      conv_bn_relu(net, reduced, channels / 4, {.kernel = {3}, .stride = {stride}, .pad = {1}},
                   {.name = name + ".2"});
  return conv_bn(net, spatial, channels, {}, {.name = name + ".3", .gain = kResidualGain});
}

std::string residual_block(GraphBuilder& net, const std::string& x, ResidualBlock kind,
                           std::int64_t channels, std::int64_t stride, const std::string& name) {
  const bool same = stride == 1 && net.channels_of(x) == channels;
  const auto shortcut =
      same ? x : conv_bn(net, x, channels, {.stride = {stride}}, {.name = name + ".shortcut"});
  const auto branch = kind == ResidualBlock::kBasic
                          ? basic_branch(net, x, channels, stride, name)
                          : bottleneck_branch(net, x, channels, stride, name);
  return net.relu(net.add(branch, shortcut, name + ".add"), name);
}

// Option A: every second pixel, and zeros for the channels that are not there yet.
std::string padded_shortcut(GraphBuilder& net, const std::string& x, std::int64_t channels,
                            const std::string& name) {
  const std::int64_t missing = channels - net.channels_of(x);
  const auto every_second = net.max_pool(x, {.stride = {2}, .name = name + ".shortcut.pixels"});
  const auto pads = net.weight(
      name + ".shortcut.pads",
      Tensor::of<std::int64_t>({8}, {0, missing / 2, 0, 0, 0, missing - missing / 2, 0, 0}));
  return net.op("Pad", {every_second, pads}, {{"mode", std::string("constant")}},
                name + ".shortcut");
}

// Normalization and ReLU before each convolution; the shortcut of a block that changes the shape
// starts after the first of them.
std::string wide_block(GraphBuilder& net, const std::string& x, std::int64_t channels,
                       std::int64_t stride, const std::string& name) {
  const bool same = stride == 1 && net.channels_of(x) == channels;
  const auto before = net.relu(batch_norm(net, x, {.name = name + ".1.bn"}), name + ".1.relu");
  auto branch = net.conv(before, channels,
                         {.kernel = {3}, .stride = {stride}, .pad = {1}, .name = name + ".1.conv"});
  branch = batch_norm(net, branch, {.name = name + ".2.bn", .gain = kResidualGain});
  branch = net.conv(net.relu(branch, name + ".2.relu"), channels,
                    {.kernel = {3}, .pad = {1}, .name = name + ".2.conv"});
  const auto shortcut =
      same ? x : net.conv(before, channels, {.stride = {stride}, .name = name + ".shortcut.conv"});
  return net.add(branch, shortcut, name);
}

}  // namespace

std::string resnet(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                   const ResNetShape& shape) {
  std::string x = stem(net, image, options.stem, 64);
  std::int64_t channels = shape.block == ResidualBlock::kBasic ? 64 : 256;
  for (int stage = 1; stage <= 4; ++stage, channels *= 2)
    for (int block = 0; block < shape.blocks[static_cast<std::size_t>(stage - 1)]; ++block)
      x = residual_block(net, x, shape.block, channels, stage > 1 && block == 0 ? 2 : 1,
                         block_name(stage, block));
  return pooled_classifier(net, x, options.classes);
}

std::string resnet_cifar(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                         int depth) {
  const bool published = options.stem == Stem::kPublished;
  std::string x = stem(net, image, published ? Stem::kSmall : options.stem, 16);
  std::int64_t channels = 16;
  for (int stage = 1; stage <= 3; ++stage, channels *= 2)
    for (int block = 0; block < (depth - 2) / 6; ++block) {
      const auto name = block_name(stage, block);
      const bool shrinks = stage > 1 && block == 0;
      const auto shortcut = shrinks ? padded_shortcut(net, x, channels, name) : x;
      const auto branch = basic_branch(net, x, channels, shrinks ? 2 : 1, name);
      x = net.relu(net.add(branch, shortcut, name + ".add"), name);
    }
  return pooled_classifier(net, x, options.classes);
}

std::string wide_resnet(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                        int depth, int width) {
  std::string x = net.conv(image, 16, {.kernel = {3}, .pad = {1}, .name = "stem.conv"});
  std::int64_t channels = std::int64_t{16} * width;
  for (int stage = 1; stage <= 3; ++stage, channels *= 2)
    for (int block = 0; block < (depth - 4) / 6; ++block)
      x = wide_block(net, x, channels, stage > 1 && block == 0 ? 2 : 1, block_name(stage, block));
  x = net.relu(batch_norm(net, x, {.name = "last.bn"}), "last.relu");
  return pooled_classifier(net, x, options.classes);
}

}  // namespace isthmus
