#include "lab/virtual_run.h"

#include <gtest/gtest.h>

#include "lab/measure.h"
#include "lab/tiny_network.h"

namespace isthmus {
namespace {

constexpr double kServiceSeconds = 0.3;

// The network on the device, which takes 0.3 s for it.
struct SlowDevice {
  SlowDevice() {
    const NetworkUnderStudy network = tiny_network();
    contender.strategy = "local";
    contender.plan = local_plan(network.graph, network.name, tiny_options(network));
    contender.cluster.machines = {{.name = "device"}};
    contender.cluster.source = "device";
    const std::vector<LoadedPlan> plans{contender.plan};
    profile = measure_plans(plans, "device", tiny_images(2));
    PlayCosts costs;
    costs.measure(contender.plan, "device", "tiny", tiny_images(3), 2);
    measured = costs.frames(contender.plan.plan, "tiny");
    for (MeasuredFrame& frame : measured) {
      frame.run = {{"whole", Seconds{kServiceSeconds}}};
      frame.normalise = Seconds{0};
    }
  }

  Contender contender;
  Profile profile;
  std::vector<MeasuredFrame> measured;
};

std::vector<double> answered_after(const Trace& trace) {
  std::vector<double> seconds;
  for (const FrameRecord& frame : trace.frames)
    if (frame.outcome == Outcome::kAnswered) seconds.push_back(frame.capture_to_output.count());
  return seconds;
}

TEST(VirtualRun, LeavesOutPicturesThatAreDueBeforeTheLastAnswer) {
  const SlowDevice slow;
  // One every 0.2 s: each other one finds the device at work.
  const Trace trace = run_virtually(slow.contender, slow.measured, slow.profile, 10, 5, 1);
  const auto seconds = answered_after(trace);
  EXPECT_EQ(seconds.size(), 5U);
  for (const double each : seconds) EXPECT_NEAR(each, kServiceSeconds, 1e-3);
}

TEST(VirtualRun, TakesTheNextWhenTheLastIsAnsweredWithoutARate) {
  const SlowDevice slow;
  const Trace trace = run_virtually(slow.contender, slow.measured, slow.profile, 10, 0, 1);
  const auto seconds = answered_after(trace);
  EXPECT_EQ(seconds.size(), 10U);
  for (const double each : seconds) EXPECT_NEAR(each, kServiceSeconds, 1e-3);
}

}  // namespace
}  // namespace isthmus
