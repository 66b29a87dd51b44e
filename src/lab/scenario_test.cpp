#include "lab/scenario.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/json.h"

namespace isthmus {
namespace {

constexpr const char* kScenario = R"(
schema: isthmus.scenario/1
name: test
device: jetson-nano
links: [wifi-5, {name: radio, bandwidth: 3Mbit, latency_ms: 12}]
networks:
  - {model: zoo:resnet20, name: net, data: signs, images: 5}
strategies: [local, raw, cut/u8]
)";

Scenario parse(const std::string& text) {
  return scenario_from_json(parse_document(text, "test.yaml"), "test.yaml", {});
}

TEST(Scenario, ReadsWhatTheFormatSays) {
  const Scenario scenario = parse(kScenario);
  EXPECT_EQ(scenario.device.preset, "jetson-nano");
  EXPECT_GT(scenario.device.power.compute, 0);
  EXPECT_TRUE(scenario.server.preset.empty());
  ASSERT_EQ(scenario.links.size(), 2U);
  EXPECT_EQ(scenario.links[1].bandwidth, 3e6);
  ASSERT_EQ(scenario.networks.size(), 1U);
  EXPECT_EQ(scenario.networks[0].calibrate, "signs");
}

TEST(Scenario, ReadsStudentsAndMachinesOfANetwork) {
  const Scenario scenario = parse(R"(
schema: isthmus.scenario/1
name: test
device: jetson-nano
links: [wifi-5]
networks:
  - model: zoo:resnet20
    data: signs
    device: raspberry-pi-4
    server: {preset: laptop, slowdown: 2}
    students: [{preset: auto, until: stage2.2, channels: 3}]
strategies: [local]
)");
  const ScenarioNetwork& network = scenario.networks.front();
  ASSERT_EQ(network.students.size(), 1U);
  EXPECT_EQ(network.students[0].preset, "auto");
  EXPECT_EQ(network.students[0].until, "stage2.2");
  EXPECT_EQ(network.students[0].channels, 3);
  EXPECT_EQ(network.device->preset, "raspberry-pi-4");
  EXPECT_EQ(network.server->slowdown, 2);
}

TEST(Scenario, NamesWhatIsWrong) {
  const std::string text = kScenario;
  for (const auto& [extra, named] :
       {std::pair{"frames: 0\n", "frames"}, std::pair{"mode: cloud\n", "mode"},
        std::pair{"colour: red\n", "colour"}, std::pair{"rate: -1\n", "rate"}}) {
    SCOPED_TRACE(extra);
    try {
      parse(text + extra);
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace isthmus
