#include "lab/trial.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

// For the 16 signs, wide enough that an encoder has room.
Graph signs_network() {
  GraphBuilder net("net", {.seed = 5});
  std::string x = net.input("input", {-1, 3, 16, 16});
  x = net.relu(net.conv(x, 32, {.kernel = {3}, .pad = {1}}));
  x = net.relu(net.conv(x, 64, {.kernel = {3}, .stride = {2}, .pad = {1}}), "middle");
  net.output(net.gemm(net.flatten(x), 16, "logits"));
  return net.build();
}

// A network of a scenario, with a student of it that nobody trained.
class TrialTest : public testing::Test {
 protected:
  TrialTest() {
    network_ = {
        .model = "tiny", .name = "tiny", .data = "signs", .calibrate = "signs", .images = 4};
    network_.students = {{.preset = "auto", .until = "middle", .channels = 2}};
    scenario_.device = {.name = "device", .slowdown = 2, .slowdown_given = true};
    scenario_.server = {.name = "server"};
    scenario_.strategies = {"local", "raw"};
    scenario_.calibration_images = 2;
    scenario_.cuts = 1;
    options_.resolve = [](const std::string& model) { return model; };
    options_.load = [](const std::string&) { return signs_network(); };
  }

  std::vector<Contender> contenders() {
    return Trial(scenario_, network_, options_, costs_).contenders(link_preset("wifi-5"));
  }

  Scenario scenario_;
  ScenarioNetwork network_;
  LabOptions options_;
  LabCosts costs_;
};

TEST_F(TrialTest, MakesAStrategyOfAStudent) {
  const auto all = contenders();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[2].strategy, "student:auto-2ch");
  const Plan& plan = all[2].plan.plan;
  EXPECT_FALSE(plan.lossless);
  ASSERT_EQ(plan.parts.size(), 2U);
  EXPECT_EQ(plan.parts[0].machines.front(), "device");
  EXPECT_EQ(plan.parts[1].machines.front(), "server");
}

TEST_F(TrialTest, MeasuresNoAccuracyOfAStudent) {
  Trial trial(scenario_, network_, options_, costs_);
  for (const Contender& contender : trial.contenders(link_preset("wifi-5"))) {
    SCOPED_TRACE(contender.strategy);
    const bool student = contender.strategy.starts_with("student:");
    EXPECT_EQ(trial.is_trained(contender.strategy), !student);
    EXPECT_EQ(trial.accuracy(contender).images, student ? 0 : 4);
  }
  EXPECT_NE(trial.description().note.find("seeded"), std::string::npos);
}

TEST_F(TrialTest, TakesTheNetworksOwnMachines) {
  network_.device = Machine{.name = "device", .slowdown = 7, .slowdown_given = true};
  const auto all = contenders();
  EXPECT_EQ(all.front().cluster.machine("device").slowdown, 7);
  EXPECT_EQ(all.front().cluster.machine("server").slowdown, 1);
}

TEST_F(TrialTest, RefusesTwoStrategiesOfOneName) {
  network_.students.push_back(network_.students.front());
  EXPECT_THROW(contenders(), Error);
}

}  // namespace
}  // namespace isthmus
