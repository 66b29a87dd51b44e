#include "plan/energy.h"

#include <gtest/gtest.h>

namespace isthmus {
namespace {

TEST(EnergyMj, IsTimeTimesPower) {
  const PowerModel power{.idle = 1, .compute = 4, .transmit = 2, .source = "test"};
  EXPECT_DOUBLE_EQ(
      energy_mj(power, {.compute = Seconds{0.1}, .transmit = Seconds{0.2}, .total = Seconds{1}}),
      400 + 400 + 700);
  // Work that overlaps leaves no time to be idle.
  EXPECT_DOUBLE_EQ(
      energy_mj(power, {.compute = Seconds{1}, .transmit = Seconds{1}, .total = Seconds{1}}), 6000);
}

TEST(MachineTime, CountsTheSpansOfOneMachine) {
  FrameRecord frame;
  frame.capture_to_output = Seconds{5};
  for (const auto& [kind, machine, seconds] : {std::tuple(SpanKind::kPrepare, "camera", 1.0),
                                               {SpanKind::kRun, "camera", 0.5},
                                               {SpanKind::kQueue, "camera", 9.0},
                                               {SpanKind::kSend, "camera", 0.25},
                                               {SpanKind::kRun, "server", 7.0},
                                               {SpanKind::kSend, "server", 3.0}})
    frame.spans.push_back(
        {.kind = kind, .machine = machine, .what = "", .duration = Seconds{seconds}});
  const MachineTime time = machine_time(frame, "camera");
  EXPECT_DOUBLE_EQ(time.compute.count(), 1.5);
  EXPECT_DOUBLE_EQ(time.transmit.count(), 0.25);
  EXPECT_DOUBLE_EQ(time.total.count(), 5);
}

}  // namespace
}  // namespace isthmus
