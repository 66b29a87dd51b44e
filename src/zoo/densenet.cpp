#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "zoo/layers.h"
#include "zoo/networks.h"

namespace isthmus {

namespace {

constexpr std::int64_t kGrowth = 32;

std::string norm_relu(GraphBuilder& net, const std::string& x, const std::string& name) {
  return net.relu(batch_norm(net, x, {.name = name + ".bn"}), name + ".relu");
}

// Sees everything that came before in its block and adds `kGrowth` channels.
std::string dense_layer(GraphBuilder& net, const std::string& x, const std::string& name) {
  auto grown = norm_relu(net, x, name + ".1");
  grown = net.conv(grown, 4 * kGrowth, {.name = name + ".1.conv"});
  grown = norm_relu(net, grown, name + ".2");
  grown = net.conv(grown, kGrowth, {.kernel = {3}, .pad = {1}, .name = name + ".2.conv"});
  return net.concat({x, grown}, 1, name);
}

std::string transition(GraphBuilder& net, const std::string& x, const std::string& name) {
  const auto half =
      net.conv(norm_relu(net, x, name), net.channels_of(x) / 2, {.name = name + ".conv"});
  return net.average_pool(half, {.kernel = {2}, .stride = {2}, .name = name + ".pool"});
}

}  // namespace

std::string densenet(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                     const std::array<int, 4>& layers) {
  std::string x = conv_bn_relu(net, image, 2 * kGrowth, {.kernel = {7}, .stride = {2}, .pad = {3}},
                               {.name = "stem"});
  x = net.max_pool(x, {.kernel = {3}, .stride = {2}, .pad = {1}, .name = "stem.pool"});
  for (std::size_t block = 0; block < layers.size(); ++block) {
    if (block > 0) x = transition(net, x, "transition" + std::to_string(block));
    for (int layer = 0; layer < layers[block]; ++layer)
      x = dense_layer(net, x, fmt::format("block{}.{}", block + 1, layer));
  }
  return pooled_classifier(net, norm_relu(net, x, "last"), options.classes);
}

}  // namespace isthmus
