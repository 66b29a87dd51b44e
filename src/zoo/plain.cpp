// Networks without branches: AlexNet, VGG16, C3D.
#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "zoo/networks.h"

namespace isthmus {

namespace {

std::string conv_relu(GraphBuilder& net, const std::string& x, std::int64_t channels,
                      WindowOptions window, const std::string& name) {
  window.bias = true;
  window.name = name;
  return net.relu(net.conv(x, channels, window), name + ".relu");
}

// The dense end that the three share; dropout does nothing in inference.
std::string dense_classifier(GraphBuilder& net, std::string x, std::int64_t width,
                             std::int64_t classes) {
  x = net.flatten(x, "flatten");
  x = net.relu(net.gemm(x, width, "fc6"), "fc6.relu");
  x = net.relu(net.gemm(x, width, "fc7"), "fc7.relu");
  return net.gemm(x, classes, "logits");
}

}  // namespace

std::string alexnet(GraphBuilder& net, const std::string& image, const ZooOptions& options,
                    std::int64_t dense) {
  const auto pool = [&](const std::string& x, const std::string& name) {
    return net.max_pool(x, {.kernel = {3}, .stride = {2}, .name = name});
  };
  std::string x = conv_relu(net, image, 64, {.kernel = {11}, .stride = {4}, .pad = {2}}, "conv1");
  x = pool(x, "pool1");
  x = conv_relu(net, x, 192, {.kernel = {5}, .pad = {2}}, "conv2");
  x = pool(x, "pool2");
  x = conv_relu(net, x, 384, {.kernel = {3}, .pad = {1}}, "conv3");
  x = conv_relu(net, x, 256, {.kernel = {3}, .pad = {1}}, "conv4");
  x = conv_relu(net, x, 256, {.kernel = {3}, .pad = {1}}, "conv5");
  x = pool(x, "pool5");
  return dense_classifier(net, x, dense, options.classes);
}

std::string vgg16(GraphBuilder& net, const std::string& image, const ZooOptions& options) {
  struct Stage {
    int convolutions;
    std::int64_t channels;
  };
  std::string x = image;
  int number = 0;
  for (const Stage& stage : {Stage{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}}) {
    ++number;
    for (int i = 1; i <= stage.convolutions; ++i)
      x = conv_relu(net, x, stage.channels, {.kernel = {3}, .pad = {1}},
                    fmt::format("conv{}_{}", number, i));
    x = net.max_pool(x, {.kernel = {2}, .stride = {2}, .name = fmt::format("pool{}", number)});
  }
  return dense_classifier(net, x, 4096, options.classes);
}

std::string c3d(GraphBuilder& net, const std::string& image, const ZooOptions& options) {
  const auto conv = [&](const std::string& x, std::int64_t channels, const std::string& name) {
    return conv_relu(net, x, channels, {.kernel = {3}, .pad = {1}}, name);
  };
  const auto pool = [&](const std::string& x, const std::string& name) {
    return net.max_pool(x, {.kernel = {2}, .stride = {2}, .name = name});
  };
  std::string x = conv(image, 64, "conv1");
  x = net.max_pool(x, {.kernel = {1, 2, 2}, .stride = {1, 2, 2}, .name = "pool1"});
  x = pool(conv(x, 128, "conv2"), "pool2");
  x = pool(conv(conv(x, 256, "conv3a"), 256, "conv3b"), "pool3");
  x = pool(conv(conv(x, 512, "conv4a"), 512, "conv4b"), "pool4");
  x = conv(conv(x, 512, "conv5a"), 512, "conv5b");
  // One more row and column, so that 7 pixels become 4.
  x = net.max_pool(x, {.kernel = {2}, .stride = {2}, .pad = {0, 1, 1}, .name = "pool5"});
  return dense_classifier(net, x, 4096, options.classes);
}

}  // namespace isthmus
