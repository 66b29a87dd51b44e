#pragma once

// For tests of this folder: a small network, its plans, and a cluster of agents in this process.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
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
                          const std::vector<std::string>& inputs, std::int64_t width = 4) {
  GraphBuilder net(name);
  for (const std::string& input : inputs) net.input(input, {-1, width});
  net.output(net.op(op, inputs, {}, name + "_out"));
  return {name, net.build()};
}

// A camera and boards on one network.
inline Cluster boards(const std::vector<std::unique_ptr<Agent>>& agents,
                      const LinkProfile& link = {}) {
  Cluster cluster;
  cluster.source = "camera";
  cluster.machines.push_back({.name = "camera"});
  for (std::size_t i = 0; i < agents.size(); ++i)
    cluster.machines.push_back({.name = "b" + std::to_string(i), .address = agents[i]->address()});
  cluster.networks = {{.name = "lan", .machines = {}, .link = link}};
  return cluster;
}

inline std::vector<std::unique_ptr<Agent>> start_agents(int count) {
  std::vector<std::unique_ptr<Agent>> agents;
  for (int i = 0; i < count; ++i) agents.push_back(std::make_unique<Agent>(AgentOptions{}));
  return agents;
}

// x -> first, whose output goes through `layers` layers of two shards (Relu and Neg) on b1 and b2,
// each summed up on b0 again, and at last through `end` on b1: -sum. Tensors of `width` numbers.
inline LoadedPlan sharded(int layers, std::int64_t width = 4) {
  Partition partition{.name = "sharded", .parts = {one_node_part("first", "Relu", {"x"}, width)}};
  std::map<std::string, std::string> machine{{"first", "b0"}, {"end", "b1"}};
  partition.edges.push_back({"", "x", "first", "x"});
  std::string last = "first";
  for (int i = 0; i < layers; ++i) {
    const std::string n = std::to_string(i);
    partition.parts.push_back(one_node_part("left" + n, "Relu", {"x"}, width));
    partition.parts.push_back(one_node_part("right" + n, "Neg", {"x"}, width));
    partition.parts.push_back(one_node_part("sum" + n, "Sub", {"a", "b"}, width));
    machine.insert({{"left" + n, "b1"}, {"right" + n, "b2"}, {"sum" + n, "b0"}});
    for (const std::string& side : {"left" + n, "right" + n})
      partition.edges.push_back({last, last + "_out", side, "x"});
    partition.edges.push_back({"left" + n, "left" + n + "_out", "sum" + n, "a"});
    partition.edges.push_back({"right" + n, "right" + n + "_out", "sum" + n, "b"});
    last = "sum" + n;
  }
  partition.parts.push_back(one_node_part("end", "Neg", {"x"}, width));
  partition.edges.push_back({last, last + "_out", "end", "x"});
  partition.edges.push_back({"end", "end_out", "", "scores"});
  PlanInput input;
  input.tensor = "x";
  input.shape = {1, width};
  return place(partition, machine, {}, input);
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
