#include "zoo/layers.h"

#include <utility>
#include <vector>

namespace isthmus {

namespace {

Tensor constant(std::int64_t channels, float value) {
  return Tensor::of<float>({channels},
                           std::vector<float>(static_cast<std::size_t>(channels), value));
}

// From 0.75 to 1.25 over the channels.
Tensor variances(std::int64_t channels) {
  std::vector<float> values(static_cast<std::size_t>(channels));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 0.75F + 0.5F * static_cast<float>(i) / static_cast<float>(channels);
  return Tensor::of<float>({channels}, values);
}

}  // namespace

std::string batch_norm(GraphBuilder& net, const std::string& x, const BatchNormOptions& options) {
  const std::int64_t channels = net.channels_of(x);
  const std::string& name = options.name;
  const auto gain = static_cast<float>(options.gain);
  return net.op("BatchNormalization",
                {x, net.weight(name + ".weight", constant(channels, gain)),
                 net.random_weight(name + ".bias", {channels}, 0.1 * options.gain),
                 net.random_weight(name + ".running_mean", {channels}, 0.1),
                 net.weight(name + ".running_var", variances(channels))},
                {{"epsilon", options.epsilon}}, name);
}

std::string conv_bn(GraphBuilder& net, const std::string& x, std::int64_t channels,
                    WindowOptions window, const BatchNormOptions& norm) {
  window.name = norm.name + ".conv";
  BatchNormOptions named = norm;
  named.name += ".bn";
  return batch_norm(net, net.conv(x, channels, window), named);
}

std::string conv_bn_relu(GraphBuilder& net, const std::string& x, std::int64_t channels,
                         WindowOptions window, const BatchNormOptions& norm) {
  return net.relu(conv_bn(net, x, channels, std::move(window), norm), norm.name + ".relu");
}

std::string pooled_classifier(GraphBuilder& net, const std::string& x, std::int64_t classes) {
  return net.gemm(net.flatten(net.global_average_pool(x, "pool"), "features"), classes, "logits");
}

}  // namespace isthmus
