#include "boards/confirm.h"

#include <gtest/gtest.h>

#include "plan/tiny_plans.h"
#include "plan/working_set.h"

namespace isthmus {
namespace {

// Of one frame: what "first" on pi1 and "then" on pi2 took.
Trace trace_of(double first, double then) {
  FrameRecord frame;
  frame.spans = {{SpanKind::kRun, "pi1", "first", Seconds{0}, Seconds{first}},
                 {SpanKind::kQueue, "pi2", "then", Seconds{0}, Seconds{5}},
                 {SpanKind::kRun, "pi2", "then", Seconds{0}, Seconds{then}}};
  Trace trace;
  trace.frames = {frame, frame};
  return trace;
}

constexpr Seconds kPeriod{2};

TEST(Disturbance, IsThePartThatTookMuchLongerThanMeasured) {
  EXPECT_EQ(disturbance_between(trace_of(1, 2), trace_of(1.1, 2), kPeriod), "");
  EXPECT_EQ(disturbance_between(trace_of(1, 2), trace_of(1.2, 3.7), kPeriod).substr(0, 40),
            "then took 1.85 times as long on pi2 as w");
  EXPECT_EQ(disturbance_between(trace_of(1, 2), trace_of(0.5, 2), kPeriod).substr(0, 24),
            "first took 0.50 times as");
}

TEST(Disturbance, IsNotSeenWhereItDoesNotMatter) {
  EXPECT_EQ(disturbance_between(trace_of(0.001, 2), trace_of(0.002, 2), Seconds{0.01}), "");
  EXPECT_EQ(disturbance_between(trace_of(0.2, 2), trace_of(0.28, 2), kPeriod), "");
  EXPECT_NE(disturbance_between(trace_of(0.2, 2), trace_of(0.31, 2), kPeriod), "");
}

// Two boards, of which the second swaps, behind a slow network.
TinyPlans two_boards() {
  TinyPlans tiny;
  for (const char* name : {"camera", "pi1", "pi2", "idle"}) tiny.machine(name, 100);
  tiny.network(1e6, 0.003);
  tiny.chain({"pi1", "pi2"}, {0.01, 0.02}, 10'000);
  tiny.profile.parts["part1"].weight_bytes = 30'000'000;
  tiny.cluster.machines[2].memory = kRuntimeBytes + 10'000'000;
  tiny.cluster.machines[2].swap_bandwidth = 20e6;
  return tiny;
}

TEST(SpedUp, TakesThatPartOfAllTimes) {
  const TinyPlans tiny = two_boards();
  const auto play = [&](const Cluster& cluster) {
    return play_spread(tiny.plan, cluster, tiny.profile, 200);
  };
  const SpreadOutcome slow = play(tiny.cluster);
  const SpreadOutcome fast = play(sped_up(tiny.cluster, 5));
  // 1 s of swapping and 2 s of work.
  EXPECT_NEAR(slow.throughput, 1 / 3.0, 0.01);
  EXPECT_NEAR(fast.throughput / slow.throughput, 5, 1e-6);
  EXPECT_NEAR(slow.alone / fast.alone, 5, 1e-6);
  EXPECT_NEAR(slow.latency_p95 / fast.latency_p95, 5, 1e-6);
}

TEST(ConfirmationSpeed, IsWhatTheLimitAsks) {
  const TinyPlans tiny = two_boards();
  const SpreadOutcome expected{.throughput = 0.5, .alone = Seconds{4}, .on_their_way = 6};
  BoardScenario scenario;
  scenario.confirm_frames = 10;
  const auto speed = [&](double limit) {
    scenario.confirm_limit = Seconds{limit};
    return confirmation_speed(scenario, tiny.cluster, tiny.plan, expected);
  };
  // 18 frames fill the plan three times, in 36 s; of four frames alone one is not counted.
  EXPECT_EQ(speed(0), 1);
  EXPECT_EQ(speed(53), 1);
  EXPECT_EQ(speed(51), 2);
  EXPECT_EQ(speed(18), 3);
  // No faster than leaves the boards much slower than this machine.
  EXPECT_LE(speed(0.001), 12);
  EXPECT_GE(speed(0.001), 3);
}

TEST(FirstUndisturbed, IsTriedNoMoreOftenThanAllowed) {
  int runs = 0;
  const auto after = [&](int disturbed) {
    runs = 0;
    return first_undisturbed(3, [&, disturbed] {
      BoardConfirmation result;
      if (++runs <= disturbed) result.disturbance = "other work";
      result.real.throughput = runs;
      return result;
    });
  };
  EXPECT_EQ(after(0).tries, 1);
  EXPECT_EQ(runs, 1);
  const BoardConfirmation second = after(1);
  EXPECT_EQ(second.tries, 2);
  EXPECT_EQ(second.real.throughput, 2);
  EXPECT_EQ(second.disturbance, "");
  const BoardConfirmation last = after(9);
  EXPECT_EQ(last.tries, 3);
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(last.disturbance, "other work");
}

}  // namespace
}  // namespace isthmus
