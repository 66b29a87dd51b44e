#pragma once

// For tests of this folder: a small network, its plans, and a cluster of agents in this process.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "codec/normalise.h"
#include "core/file.h"
#include "core/rng.h"
#include "engine/engine.h"
#include "graph/builder.h"
#include "plan/plan.h"
#include "plan/strategies.h"
#include "serve/agent.h"
#include "serve/source.h"

namespace isthmus::testing {

// 3x32x32 -> 10 scores; "cut" is a good place to cut.
inline Graph small_network(std::uint64_t seed = 1) {
  GraphBuilder net("small", {.seed = seed});
  std::string x = net.input("image", {-1, 3, 32, 32});
  x = net.relu(net.conv(x, 8, {.kernel = {3}, .stride = {2}, .pad = {1}}), "cut");
  x = net.relu(net.conv(x, 16, {.kernel = {3}, .stride = {2}, .pad = {1}}));
  x = net.gemm(net.flatten(net.global_average_pool(x)), 10, "scores");
  net.output(x);
  return net.build();
}

inline StrategyOptions options_for(const std::string& device = "camera",
                                   const std::string& server = "edge") {
  return {.device = device,
          .server = server,
          .input = {.width = 32, .height = 32, .tensor = "image", .shape = {1, 3, 32, 32}},
          .answer_codec = "f32",
          .deadline = Seconds{10}};
}

inline LoadedPlan small_cut(const std::string& codec = "f32",
                            const StrategyOptions& options = options_for(),
                            std::uint64_t seed = 1) {
  return cut_plan(small_network(seed), "small", {"cut"}, {.name = codec}, options);
}

inline Tensor noise_image(std::uint64_t seed, std::int64_t height = 32, std::int64_t width = 32) {
  Tensor image(DType::kU8, {height, width, 3});
  Rng rng(seed);
  for (auto& byte : image.mutable_values<std::uint8_t>())
    byte = static_cast<std::uint8_t>(rng.below(256));
  return image;
}

// What the whole network says of the image.
inline Tensor whole_answer(const Tensor& image, std::uint64_t seed = 1) {
  const auto engine = make_engine(small_network(seed));
  const std::vector<Tensor> inputs{normalise(image, {})};
  return engine->run(inputs)[0];
}

inline Cluster two_machines(const std::string& address, const LinkProfile& link = {}) {
  Cluster cluster;
  cluster.machines = {{.name = "camera"}, {.name = "edge", .address = address}};
  cluster.links = {{.a = "camera", .b = "edge", .up = link, .down = link}};
  cluster.source = "camera";
  return cluster;
}

inline Part one_node_part(const std::string& name, const std::string& op,
                          const std::vector<std::string>& inputs) {
  GraphBuilder net(name);
  for (const std::string& input : inputs) net.input(input, {-1, 4});
  net.output(net.op(op, inputs, {}, name + "_out"));
  return {name, net.build()};
}

// Waits for a condition, and fails the test if it does not come true.
template <typename Condition>
bool eventually(const Condition& condition, Seconds limit = Seconds{20}) {
  const Seconds end = system_clock().now() + limit;
  while (!condition()) {
    if (system_clock().now() > end) return false;
    system_clock().sleep_for(Seconds{0.002});
  }
  return true;
}

}  // namespace isthmus::testing
