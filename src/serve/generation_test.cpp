#include "serve/generation.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "serve/fixture.h"

namespace isthmus {
namespace {

using namespace testing;

constexpr std::int64_t kMemory = 100'000'000;

// What the source tells `board`, which runs the whole network.
v1::DeployRequest request_for(const Machine& board) {
  Cluster cluster = two_machines("host:1");
  cluster.machines[1] = board;
  cluster.machines[1].name = "edge";
  const GenerationSpec spec{
      .ladder = {offload_plan(small_network(), "small", "raw", options_for())},
      .cluster = cluster,
      .local_fallback = false};
  HeldParts parts;
  return make_generation(spec, parts)->machines.at("edge").requests.at(0);
}

TEST(Generation, ABoardWithAHardLimitIsHeldToIt) {
  for (const double slowdown : {1.0, 30.0}) {
    const auto request = request_for({.slowdown = slowdown, .memory = kMemory});
    EXPECT_EQ(request.memory(), kMemory);
    EXPECT_EQ(request.swap_bandwidth(), 0);
  }
}

TEST(Generation, AnEmulatedBoardSwapsAsItsAgentIsTold) {
  const auto request = request_for({.slowdown = 30, .memory = kMemory, .swap_bandwidth = 20e6});
  EXPECT_EQ(request.memory(), kMemory);
  EXPECT_EQ(request.swap_bandwidth(), 20e6);
}

// Neither refused for its memory nor held back: its kernel swaps.
TEST(Generation, ARealBoardSwapsByItself) {
  const auto request = request_for({.memory = kMemory, .swap_bandwidth = 20e6});
  EXPECT_EQ(request.memory(), 0);
  EXPECT_EQ(request.swap_bandwidth(), 0);
}

TEST(Generation, SaysWhereAnswersCannotGoTo) {
  const Cluster cluster = two_machines("host:1");
  LoadedPlan plan = offload_plan(small_network(), "small", "raw", options_for());
  plan.plan.sink = "edge";
  HeldParts parts;
  try {
    make_generation({.ladder = {plan}, .cluster = cluster, .local_fallback = false}, parts);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("edge"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace isthmus
