#include "lab/play_costs.h"

#include <gtest/gtest.h>

#include "lab/tiny_network.h"

namespace isthmus {
namespace {

TEST(PlayCosts, TakeTheLeastTimeOfAPartInAnyPlan) {
  const NetworkUnderStudy network = tiny_network();
  const StrategyOptions options = tiny_options(network);
  // The same part in two plans.
  const LoadedPlan local = local_plan(network.graph, network.name, options);
  const LoadedPlan raw = offload_plan(network.graph, network.name, "raw", options);
  const std::string& part = local.plan.parts.front().sha256;
  ASSERT_EQ(raw.plan.parts.front().sha256, part);

  PlayCosts costs;
  EXPECT_FALSE(costs.least(part));
  EXPECT_TRUE(costs.measure(local, "device", "tiny", tiny_images(3), 2));
  EXPECT_TRUE(costs.measure(raw, "device", "tiny", tiny_images(3), 2));
  EXPECT_FALSE(costs.measure(raw, "device", "tiny", tiny_images(3), 2));
  costs.time_again(raw, "device", tiny_images(3));
  costs.note(part, Seconds{1e-9});
  EXPECT_EQ(costs.least(part), Seconds{1e-9});
  for (const LoadedPlan* plan : {&local, &raw}) {
    const auto frames = costs.frames(plan->plan, "tiny");
    EXPECT_EQ(frames.size(), 2U);
    for (const MeasuredFrame& frame : frames) EXPECT_EQ(frame.run.at("whole"), Seconds{1e-9});
  }
  EXPECT_FALSE(costs.frames(raw.plan, "tiny").front().message_bytes.empty());
}

}  // namespace
}  // namespace isthmus
