// What comes of frames when machines go away, or do not answer in time.

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/fixture.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

// Whatever happens to the server in the middle of a run: every frame is answered once and in time.
TEST(Simulate, AnswersEveryFrameInTimeWhenTheServerGoesAway) {
  for (const SimEventKind kind : {SimEventKind::kKill, SimEventKind::kStop, SimEventKind::kCut}) {
    SCOPED_TRACE(static_cast<int>(kind));
    TinyPlans tiny = camera_and_server();
    tiny.chain({"camera", "server"}, {0.001, 0.01}, payload(5000));
    tiny.plan.deadline = Seconds{0.8};
    SimOptions options{.frames = 200, .rate = 5};
    options.events = {
        {.time = Seconds{10.001}, .kind = kind, .machine = "server"},
        {.time = Seconds{20.001}, .kind = SimEventKind::kReturn, .machine = "server"}};
    const Trace trace = play(tiny, options);
    ASSERT_EQ(trace.frames.size(), 200U);
    int local = 0;
    for (const FrameRecord& frame : trace.frames) {
      EXPECT_NE(frame.outcome, Outcome::kLost);
      EXPECT_LE(frame.capture_to_output.count(), 0.8);
      local += frame.outcome == Outcome::kAnsweredLocally;
      if (frame.outcome == Outcome::kAnsweredLocally) {
        EXPECT_EQ(frame.plan, "chain@camera");
        EXPECT_FALSE(frame.reason.empty());
      }
    }
    // Ten seconds away and one of recovery, five frames a second.
    EXPECT_NEAR(local, 55, 3);
    ASSERT_EQ(trace.events.size(), 2U);
    EXPECT_EQ(trace.events[0].kind, "dead");
    EXPECT_EQ(trace.events[1].kind, "alive");
    EXPECT_NEAR(trace.events[1].time.count(), 21.001, 1e-9);
    EXPECT_EQ(trace.frames.back().outcome, Outcome::kAnswered);
  }
}

TEST(Simulate, NoticesAStoppedMachineByItsHeartbeats) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0.01}, payload(1000));
  SimOptions options{.frames = 10};
  options.events = {{.time = Seconds{0.05}, .kind = SimEventKind::kStop, .machine = "server"}};
  const Trace trace = play(tiny, options);
  ASSERT_FALSE(trace.events.empty());
  EXPECT_NEAR(trace.events[0].time.count(), 0.3, 1e-9);
}

TEST(Simulate, GoesOnAfterAShortStop) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0.1}, payload(28));
  SimOptions options{.frames = 20, .max_in_flight = 1};
  options.events = {{.time = Seconds{0.25}, .kind = SimEventKind::kStop, .machine = "server"},
                    {.time = Seconds{0.35}, .kind = SimEventKind::kReturn, .machine = "server"}};
  const Trace trace = play(tiny, options);
  EXPECT_TRUE(trace.events.empty());
  double longest = 0;
  for (const FrameRecord& frame : trace.frames)
    longest = std::max(longest, frame.capture_to_output.count());
  EXPECT_NEAR(longest, 0.14 + 0.1, 1e-3);
}

TEST(Simulate, TriesAnotherReplicaBeforeItAnswersLocally) {
  TinyPlans tiny;
  tiny.machine("camera", 100);
  for (const char* name : {"a", "b"}) {
    tiny.machine(name);
    tiny.link("camera", name, 1e9, 0.001);
  }
  tiny.part("p", {"a", "b"}, 0.02, Placement::kSpread);
  tiny.edge("input:x->p:x", 1000);
  tiny.edge("p:y->answer:y", 1000);
  tiny.plan.deadline = Seconds{10};
  SimOptions options{.frames = 200, .rate = 20};
  // While a frame is on it: each takes turns and keeps its machine busy from 1 to 21 ms.
  constexpr std::uint32_t kFrame = 60;
  options.events = {
      {.time = Seconds{kFrame / 20. + 0.01}, .kind = SimEventKind::kKill, .machine = "a"}};
  const Trace trace = play(tiny, options);
  for (const FrameRecord& frame : trace.frames) {
    EXPECT_EQ(frame.outcome, Outcome::kAnswered);
    EXPECT_EQ(frame.key.attempt, frame.key.frame == kFrame ? 1 : 0) << frame.key.frame;
  }
}

TEST(Simulate, LosesFramesOnlyWhereItMayNotAnswerLocally) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0.01}, payload(1000));
  tiny.plan.deadline = Seconds{1};
  SimOptions options{.frames = 20, .rate = 10, .local_fallback = false};
  options.events = {{.time = Seconds{1}, .kind = SimEventKind::kKill, .machine = "server"}};
  const Trace trace = play(tiny, options);
  EXPECT_NEAR(
      static_cast<double>(std::ranges::count(trace.frames, Outcome::kLost, &FrameRecord::outcome)),
      10, 1);
}

// As the runtime without another plan: no place is kept for what nobody can answer.
TEST(Simulate, LosesAFrameWithoutARouteAtOnce) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0.01}, payload(1000));
  tiny.plan.deadline = Seconds{10};
  SimOptions options{
      .frames = 40, .rate = 10, .live = true, .max_in_flight = 2, .local_fallback = false};
  // Frame 15 is on the server; it is used again at 3.01.
  options.events = {{.time = Seconds{1.525}, .kind = SimEventKind::kKill, .machine = "server"},
                    {.time = Seconds{2.01}, .kind = SimEventKind::kReturn, .machine = "server"}};
  for (const FrameRecord& frame : play(tiny, options).frames) {
    SCOPED_TRACE(frame.key.frame);
    const bool lost = frame.key.frame >= 15 && frame.key.frame <= 30;
    EXPECT_EQ(frame.outcome, lost ? Outcome::kLost : Outcome::kAnswered);
    EXPECT_EQ(frame.plan, "chain");
    EXPECT_EQ(frame.reason, lost ? "server is gone" : "");
  }
  // An offline source gives the next frame the place at once: three are lost when the news comes.
  options = {.frames = 6, .max_in_flight = 3, .local_fallback = false};
  options.events = {{.time = Seconds{0.01}, .kind = SimEventKind::kKill, .machine = "server"}};
  const Trace trace = play(tiny, options);
  for (const FrameRecord& frame : trace.frames) {
    EXPECT_EQ(frame.outcome, Outcome::kLost);
    EXPECT_NEAR(frame.captured.count(), frame.key.frame < 3 ? 0 : 0.03, 1e-9);
  }
}

TEST(Simulate, AnswersLateFramesLocally) {
  // The tail takes longer than the deadline leaves.
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.001, 5}, payload(1000));
  tiny.cluster.machines[0].slowdown = 0.1;
  tiny.plan.deadline = Seconds{3};
  const Trace trace = play(tiny, {.frames = 2, .max_in_flight = 1});
  for (const FrameRecord& frame : trace.frames) {
    EXPECT_EQ(frame.outcome, Outcome::kAnsweredLocally);
    EXPECT_EQ(frame.reason, "late");
    EXPECT_LE(frame.capture_to_output.count(), 3);
  }
}

}  // namespace
}  // namespace isthmus
