#include "plan/devices.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/error.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

constexpr std::array<const char*, 3> kKinds = {"Conv", "DepthwiseConv", "Elements"};

double amount(const GraphWork& work, const std::string& kind) {
  const auto found = work.find(kind);
  return found == work.end() ? 0 : found->second;
}

// Seconds per unit of work of each kind: least squares of the relative errors over a device's
// published latencies, by the normal equations and Cramer's rule. All come out positive for the two
// devices that have enough latencies.
std::array<double, 3> fitted_costs(const DevicePreset& device) {
  std::array<std::array<double, 3>, 3> a{};
  std::array<double, 3> b{};
  for (const auto& [network, latency] : device.latency) {
    for (int i = 0; i < 3; ++i) {
      const double x = amount(published_work().at(network), kKinds[i]) / 1e9 / latency.count();
      b[i] += x;
      for (int j = 0; j < 3; ++j)
        a[i][j] += x * amount(published_work().at(network), kKinds[j]) / 1e9 / latency.count();
    }
  }
  const auto determinant = [](const auto& m) {
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
           m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
  };
  std::array<double, 3> cost{};
  for (int k = 0; k < 3; ++k) {
    auto m = a;
    for (int i = 0; i < 3; ++i) m[i][k] = b[i];
    cost[k] = determinant(m) / determinant(a) / 1e9;
  }
  return cost;
}

TEST(DevicePresets, HaveTheRatesThatFitTheirPublishedLatencies) {
  for (const char* name : {"raspberry-pi-4", "jetson-nano"}) {
    const DevicePreset& device = device_preset(name);
    const auto cost = fitted_costs(device);
    for (int i = 0; i < 3; ++i) {
      SCOPED_TRACE(std::string(name) + ' ' + kKinds[i]);
      EXPECT_NEAR(device.rates.at(kKinds[i]) * cost[i], 1, 2e-3);
    }
  }
}

// How good the estimate is where the truth is known; docs say so.
TEST(DevicePresets, ExplainTheirLatenciesWithinATenth) {
  for (const DevicePreset& device : device_presets()) {
    double squares = 0;
    for (const auto& [network, latency] : device.latency) {
      SCOPED_TRACE(device.name + ' ' + network);
      const double ratio = estimate_time(device, published_work().at(network)) / latency;
      EXPECT_NEAR(ratio, 1, 0.1);
      squares += (ratio - 1) * (ratio - 1);
    }
    if (device.latency.empty()) continue;
    EXPECT_LT(std::sqrt(squares / static_cast<double>(device.latency.size())), 0.07);
  }
}

TEST(DevicePresets, AreAllThatThePapersUse) {
  for (const char* name :
       {"raspberry-pi-3b+", "raspberry-pi-3-400mhz", "raspberry-pi-4", "jetson-nano", "jetson-tx2",
        "up-board", "odroid-xu4", "laptop", "thinkpad-p72"}) {
    const DevicePreset& device = device_preset(name);
    EXPECT_GT(device.memory, 0) << name;
    EXPECT_GT(device.power.compute, device.power.idle) << name;
    EXPECT_FALSE(device.power.source.empty()) << name;
    EXPECT_FALSE(device.source.empty()) << name;
  }
  // NoNN Table 6: energy over latency.
  EXPECT_NEAR(device_preset("raspberry-pi-3-400mhz").power.compute, 3430.67 / 1405, 0.01);
  EXPECT_NEAR(device_preset("odroid-xu4").power.compute, 3084.08 / 224, 0.01);
  EXPECT_THROW(device_preset("raspbery-pi-4"), Error);
}

TEST(SlowdownFor, TakesThePublishedLatencyOfTheSameNetwork) {
  const DevicePreset& nano = device_preset("jetson-nano");
  const GraphWork& work = published_work().at("mobilenet-v2");
  for (const char* name :
       {"mobilenet-v2", "MobileNetV2", "imagenet_mobilenet_v2", "zoo:mobilenetv2,seed=3"}) {
    SCOPED_TRACE(name);
    const Slowdown slowdown = slowdown_for(nano, name, work, Seconds{0.0085});
    EXPECT_NEAR(slowdown.factor, 20, 1e-9);
    EXPECT_FALSE(slowdown.estimate);
    EXPECT_NE(slowdown.why.find("published"), std::string::npos);
  }
}

TEST(SlowdownFor, EstimatesForOtherNetworksAndSizes) {
  const DevicePreset& nano = device_preset("jetson-nano");
  GraphWork small = published_work().at("mobilenet-v2");
  for (auto& [kind, value] : small) value *= 0.18;
  const Slowdown slowdown = slowdown_for(nano, "mobilenet-v2", small, Seconds{0.002});
  EXPECT_TRUE(slowdown.estimate);
  EXPECT_NEAR(slowdown.factor, estimate_time(nano, small).count() / 0.002, 1e-9);
  EXPECT_TRUE(slowdown_for(nano, "squeezenet", small, Seconds{0.002}).estimate);
  EXPECT_THROW(slowdown_for(nano, "x", small, Seconds{0}), Error);
  EXPECT_THROW(slowdown_for(nano, "x", {}, Seconds{1}), Error);
}

TEST(SetSlowdowns, LeavesWhatTheFileGave) {
  Cluster cluster;
  cluster.machines = {{.name = "a", .preset = "jetson-nano"},
                      {.name = "b", .preset = "jetson-nano", .slowdown = 3, .slowdown_given = true},
                      {.name = "c"}};
  set_slowdowns(cluster, "resnet152", published_work().at("resnet152"), Seconds{0.053});
  EXPECT_NEAR(cluster.machines[0].slowdown, 10, 1e-9);
  EXPECT_FALSE(cluster.machines[0].slowdown_is_estimate);
  EXPECT_EQ(cluster.machines[1].slowdown, 3);
  EXPECT_EQ(cluster.machines[2].slowdown, 1);
}

TEST(WorkOf, CountsByOperatorKind) {
  GraphBuilder net("kinds");
  std::string x = net.input("image", {-1, 3, 8, 8});
  x = net.conv(x, 4, {.kernel = {3}, .pad = {1}});
  x = net.relu(net.conv(x, 4, {.kernel = {3}, .pad = {1}, .groups = 4}));
  x = net.conv(x, 8, {.kernel = {1}, .groups = 2});
  x = net.gemm(net.flatten(net.global_average_pool(x)), 5);
  net.output(x);
  const GraphWork work = work_of(net.build());
  EXPECT_DOUBLE_EQ(amount(work, "Conv"), 64 * (4 * 27 + 8 * 2));
  EXPECT_DOUBLE_EQ(amount(work, "DepthwiseConv"), 64 * 4 * 9);
  EXPECT_DOUBLE_EQ(amount(work, "MatMul"), 8 * 5);
  EXPECT_DOUBLE_EQ(amount(work, "Elements"), 64 * 4 + 8);
}

}  // namespace
}  // namespace isthmus
