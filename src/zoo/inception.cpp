// Inception-v3. The modules are named as in torchvision and in the figures of Szegedy et al.
#include <cstdint>
#include <string>

#include "zoo/layers.h"
#include "zoo/networks.h"

namespace isthmus {

namespace {

std::string conv(GraphBuilder& net, const std::string& x, std::int64_t channels,
                 const WindowOptions& window, const std::string& name) {
  return conv_bn_relu(net, x, channels, window, {.name = name, .epsilon = 1e-3F});
}

const WindowOptions kRow7 = {.kernel = {1, 7}, .pad = {0, 3}};
const WindowOptions kColumn7 = {.kernel = {7, 1}, .pad = {3, 0}};
const WindowOptions k3x3 = {.kernel = {3}, .pad = {1}};
const WindowOptions kShrink = {.kernel = {3}, .stride = {2}};

std::string pool_branch(GraphBuilder& net, const std::string& x, std::int64_t channels,
                        const std::string& name) {
  const auto pooled = net.average_pool(
      x, {.kernel = {3}, .pad = {1}, .count_include_pad = true, .name = name + ".average"});
  return conv(net, pooled, channels, {}, name);
}

std::string max_branch(GraphBuilder& net, const std::string& x, const std::string& name) {
  return net.max_pool(x, {.kernel = {3}, .stride = {2}, .name = name});
}

// Figure 5: 1x1, 5x5, twice 3x3, pooling.
std::string module_a(GraphBuilder& net, const std::string& x, std::int64_t pool_channels,
                     const std::string& name) {
  const auto five = conv(net, conv(net, x, 48, {}, name + ".5x5.1"), 64,
                         {.kernel = {5}, .pad = {2}}, name + ".5x5.2");
  auto three = conv(net, x, 64, {}, name + ".3x3.1");
  three = conv(net, three, 96, k3x3, name + ".3x3.2");
  three = conv(net, three, 96, k3x3, name + ".3x3.3");
  return net.concat({conv(net, x, 64, {}, name + ".1x1"), five, three,
                     pool_branch(net, x, pool_channels, name + ".pool")},
                    1, name);
}

// Halves the side.
std::string module_b(GraphBuilder& net, const std::string& x, const std::string& name) {
  auto twice = conv(net, x, 64, {}, name + ".twice.1");
  twice = conv(net, twice, 96, k3x3, name + ".twice.2");
  twice = conv(net, twice, 96, kShrink, name + ".twice.3");
  return net.concat(
      {conv(net, x, 384, kShrink, name + ".3x3"), twice, max_branch(net, x, name + ".pool")}, 1,
      name);
}

// Figure 6: 7x7 as a row and a column, `channels` inside.
std::string module_c(GraphBuilder& net, const std::string& x, std::int64_t channels,
                     const std::string& name) {
  auto once = conv(net, x, channels, {}, name + ".once.1");
  once = conv(net, once, channels, kRow7, name + ".once.2");
  once = conv(net, once, 192, kColumn7, name + ".once.3");
  auto twice = conv(net, x, channels, {}, name + ".twice.1");
  twice = conv(net, twice, channels, kColumn7, name + ".twice.2");
  twice = conv(net, twice, channels, kRow7, name + ".twice.3");
  twice = conv(net, twice, channels, kColumn7, name + ".twice.4");
  twice = conv(net, twice, 192, kRow7, name + ".twice.5");
  return net.concat(
      {conv(net, x, 192, {}, name + ".1x1"), once, twice, pool_branch(net, x, 192, name + ".pool")},
      1, name);
}

// Halves the side.
std::string module_d(GraphBuilder& net, const std::string& x, const std::string& name) {
  const auto three =
      conv(net, conv(net, x, 192, {}, name + ".3x3.1"), 320, kShrink, name + ".3x3.2");
  auto seven = conv(net, x, 192, {}, name + ".7x7.1");
  seven = conv(net, seven, 192, kRow7, name + ".7x7.2");
  seven = conv(net, seven, 192, kColumn7, name + ".7x7.3");
  seven = conv(net, seven, 192, kShrink, name + ".7x7.4");
  return net.concat({three, seven, max_branch(net, x, name + ".pool")}, 1, name);
}

// A row and a column of three, side by side.
std::string row_and_column(GraphBuilder& net, const std::string& x, const std::string& name) {
  return net.concat({conv(net, x, 384, {.kernel = {1, 3}, .pad = {0, 1}}, name + ".row"),
                     conv(net, x, 384, {.kernel = {3, 1}, .pad = {1, 0}}, name + ".column")},
                    1, name);
}

// Figure 7.
std::string module_e(GraphBuilder& net, const std::string& x, const std::string& name) {
  const auto three = row_and_column(net, conv(net, x, 384, {}, name + ".3x3.1"), name + ".3x3");
  const auto twice =
      conv(net, conv(net, x, 448, {}, name + ".twice.1"), 384, k3x3, name + ".twice.2");
  return net.concat(
      {conv(net, x, 320, {}, name + ".1x1"), three, row_and_column(net, twice, name + ".twice"),
       pool_branch(net, x, 192, name + ".pool")},
      1, name);
}

std::string stem(GraphBuilder& net, const std::string& image) {
  std::string x = conv(net, image, 32, kShrink, "conv1a");
  x = conv(net, x, 32, {.kernel = {3}}, "conv2a");
  x = conv(net, x, 64, k3x3, "conv2b");
  x = max_branch(net, x, "pool1");
  x = conv(net, x, 80, {}, "conv3b");
  x = conv(net, x, 192, {.kernel = {3}}, "conv4a");
  return max_branch(net, x, "pool2");
}

}  // namespace

std::string inception_v3(GraphBuilder& net, const std::string& image, const ZooOptions& options) {
  std::string x = stem(net, image);
  x = module_a(net, x, 32, "mixed5b");
  x = module_a(net, x, 64, "mixed5c");
  x = module_a(net, x, 64, "mixed5d");
  x = module_b(net, x, "mixed6a");
  x = module_c(net, x, 128, "mixed6b");
  x = module_c(net, x, 160, "mixed6c");
  x = module_c(net, x, 160, "mixed6d");
  x = module_c(net, x, 192, "mixed6e");
  x = module_d(net, x, "mixed7a");
  x = module_e(net, x, "mixed7b");
  x = module_e(net, x, "mixed7c");
  return pooled_classifier(net, x, options.classes);
}

}  // namespace isthmus
