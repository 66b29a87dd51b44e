#include "boards/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/json.h"
#include "support/json_schema.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

constexpr const char* kScenario = R"(
schema: isthmus.scenario/1
name: test
boards: {preset: raspberry-pi-3b+, memory: 500000000, swap_bandwidth: 20e6}
network: ethernet-94
unequal: 3
counts: [2, 4]
models: [zoo:alexnet]
methods: [single, random, spread]
)";

BoardScenario read(const std::string& text) {
  return board_scenario_from_json(parse_document(text, "s.yaml"), "s.yaml", "");
}

std::string failure(const std::string& text) {
  try {
    read(text);
    return "none";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(BoardScenario, IsReadFromItsFile) {
  const BoardScenario scenario = read(kScenario);
  EXPECT_TRUE(is_board_scenario(parse_document(kScenario, "s.yaml")));
  EXPECT_EQ(scenario.board.memory, 500'000'000);
  EXPECT_EQ(scenario.board.swap_bandwidth, 20e6);
  EXPECT_EQ(scenario.unequal, 3);
  EXPECT_THAT(scenario.counts, testing::ElementsAre(2, 4));
  const Cluster cluster = board_cluster(scenario, 4);
  EXPECT_EQ(cluster.machines.size(), 5U);
  EXPECT_TRUE(cluster.link("pi1", "pi4"));
  EXPECT_TRUE(cluster.link("camera", "pi2"));
}

TEST(BoardScenario, ExampleOfThePageIsOne) {
  const Json example = yaml_block(source_folder() / "docs/formats/scenario.md", 1);
  ASSERT_TRUE(is_board_scenario(example));
  const BoardScenario scenario = board_scenario_from_json(example, "scenario.md", "");
  EXPECT_EQ(scenario.confirm_frames, 40);
  EXPECT_EQ(scenario.codecs.size(), 2U);
}

TEST(BoardScenario, SaysWhatIsWrong) {
  const std::string text = kScenario;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return failure(changed);
  };
  EXPECT_THAT(with("spread]", "spred]"), HasSubstr("spread"));
  EXPECT_THAT(with("[2, 4]", "[0]"), HasSubstr("1..200"));
  EXPECT_THAT(with("unequal: 3", "unequal: 0.5"), HasSubstr("unequal must be at least 1"));
  EXPECT_THAT(with("unequal", "unequl"), HasSubstr("unequl"));
  EXPECT_THAT(with("raspberry-pi-3b+", "raspberry-pi-9"), HasSubstr("raspberry-pi-9"));
}

}  // namespace
}  // namespace isthmus
