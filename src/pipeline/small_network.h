#pragma once

#include <cstdint>

#include "graph/builder.h"

namespace isthmus {

// Convolutions that are worth sharding and a dense layer that holds most of the weights.
inline Graph small_network(std::int64_t dense = 64) {
  GraphBuilder net("small");
  std::string x = net.input("input", {-1, 3, 32, 32});
  x = net.relu(net.conv(x, 16, {.kernel = {3}, .pad = {1}, .name = "conv1"}));
  x = net.max_pool(net.relu(net.conv(x, 32, {.kernel = {3}, .pad = {1}, .name = "conv2"})),
                   {.kernel = {2}, .stride = {2}, .name = "pool2"});
  x = net.relu(net.conv(x, 32, {.kernel = {3}, .pad = {1}, .name = "conv3"}), "relu3");
  x = net.relu(net.gemm(net.flatten(x), dense, "fc"), "fc.relu");
  net.output(net.gemm(x, 10, "logits"));
  return net.build();
}

}  // namespace isthmus
