#include "sim/simulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "plan/predict.h"
#include "sim/fixture.h"

namespace isthmus {
namespace {

TEST(Simulate, TakesHeadDataTailForOneFrameAtATime) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.01, 0.3}, payload(100'000));
  auto& codec = tiny.profile.codecs["part0/y/f32"];
  codec.encode = Seconds{0.002};
  codec.decode = Seconds{0.001};
  const Trace trace = play(tiny, {.frames = 5, .max_in_flight = 1});
  ASSERT_EQ(trace.frames.size(), 5U);
  for (const FrameRecord& frame : trace.frames) {
    EXPECT_EQ(frame.outcome, Outcome::kAnswered);
    EXPECT_NEAR(frame.capture_to_output.count(), 0.1 + 0.02 + 0.12 + 0.001 + 0.3 + 0.12, 1e-9);
  }
  EXPECT_NEAR(trace.frames[4].captured.count(), 4 * 0.661, 1e-9);
}

TEST(Simulate, NeverWaitsForeverForCredits) {
  // The camera has the first and the last stage.
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server", "camera", "server"}, {0.001, 0.01, 0.001, 0.02}, payload(1000));
  const Trace trace = play(tiny, {.frames = 200, .max_in_flight = 50, .queue = 1});
  for (const FrameRecord& frame : trace.frames) EXPECT_EQ(frame.outcome, Outcome::kAnswered);
}

TEST(Simulate, BringsAnswersBackOverTheMachinesThatTheFrameCameBy) {
  // Only the first board is linked with the camera.
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b", "c"}) tiny.machine(name);
  tiny.link("camera", "a", 8e6, 0.001);
  tiny.link("a", "b", 8e6, 0.002);
  tiny.link("b", "c", 8e6, 0.003);
  tiny.chain({"a", "b", "c"}, {0.1, 0.2, 0.3}, payload(10'000));
  const Trace trace = play(tiny, {.frames = 1});
  EXPECT_NEAR(trace.frames[0].capture_to_output.count(), 2 * (0.03 + 0.006) + 0.6, 1e-9);
  EXPECT_NEAR(predict(tiny.plan, tiny.cluster, tiny.profile).total.count(),
              2 * (0.03 + 0.006) + 0.6, 1e-9);
  std::int64_t bytes = 0;
  for (const EdgeBytes& edge : trace.frames[0].bytes) bytes += edge.message;
  EXPECT_EQ(bytes, 60'000);
  // Without the board in the middle nothing gets through.
  SimOptions options{.frames = 20, .rate = 1};
  options.events = {{.time = Seconds{5.5}, .kind = SimEventKind::kKill, .machine = "b"}};
  tiny.plan.deadline = Seconds{2};
  for (const FrameRecord& frame : play(tiny, options).frames)
    EXPECT_EQ(frame.outcome, frame.key.frame < 5 ? Outcome::kAnswered : Outcome::kAnsweredLocally);
}

TEST(Simulate, BringsAnswersBackFromAReplicaThatHasAnotherPartToo) {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b"}) tiny.machine(name);
  tiny.link("camera", "a", 8e6, 0.001);
  tiny.link("camera", "b", 8e6, 0.001);
  tiny.link("a", "b", 8e6, 0.001);
  tiny.part("work", {"a", "b"}, 0.1, Placement::kSpread);
  tiny.part("rest", {"a"}, 0.1);
  tiny.edge("input:x->work:x", 1000);
  tiny.edge("work:y->rest:x", 1000);
  tiny.edge("rest:y->answer:y", 1000);
  const Trace trace = play(tiny, {.frames = 2, .max_in_flight = 1});
  // To a and back; to b, to a, and back over b.
  EXPECT_EQ(trace.frames[0].bytes.size(), 2U);
  EXPECT_EQ(trace.frames[1].bytes.size(), 4U);
}

TEST(Simulate, LetsALiveSourceDropItsOldest) {
  TinyPlans tiny = pipeline({0.1});
  const Trace trace =
      play(tiny, {.frames = 300, .rate = 30, .live = true, .max_in_flight = 1, .max_waiting = 2});
  std::int64_t answered = 0;
  for (const FrameRecord& frame : trace.frames) {
    answered += frame.outcome == Outcome::kAnswered;
    // One in work and two waiting.
    EXPECT_LE(frame.capture_to_output.count(), 0.3 + 1e-9);
  }
  EXPECT_NEAR(static_cast<double>(answered), 100, 3);
  EXPECT_EQ(std::ranges::count(trace.frames, Outcome::kDropped, &FrameRecord::outcome),
            300 - answered);
}

TEST(Simulate, LetsAnOfflineSourceWait) {
  const Trace trace = play(pipeline({0.1}), {.frames = 50, .rate = 30, .max_in_flight = 1});
  for (const FrameRecord& frame : trace.frames) EXPECT_EQ(frame.outcome, Outcome::kAnswered);
  EXPECT_NEAR(throughput(trace), 10, 0.01);
}

TEST(Simulate, TakesWhatFramesReallyCost) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0}, payload(1000));
  tiny.plan.edges[1].codec.name = "top:5";
  tiny.profile.codecs[codec_key(tiny.plan, tiny.plan.edges[1])].bytes = payload(1000);
  SimOptions options{.frames = 4, .max_in_flight = 1};
  options.measured = {
      {.message_bytes = {{"input:x->part0:x", 100'000}}, .label = 3, .truth = 4},
      {.run = {{"part0", Seconds{0.5}}}, .message_bytes = {{"input:x->part0:x", 200'000}}}};
  const Trace trace = play(tiny, options);
  for (int i = 0; i < 4; ++i) {
    const double expected = i % 2 == 0 ? 0.1 + 0.04 + 0.001 : 0.2 + 0.5 + 0.04 + 0.001;
    EXPECT_NEAR(trace.frames[static_cast<std::size_t>(i)].capture_to_output.count(), expected,
                1e-9);
  }
  EXPECT_EQ(trace.frames[2].label, 3);
  EXPECT_EQ(trace.frames[2].truth, 4);
}

TEST(Simulate, StaysAtHomeWhenAnExitIsTaken) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.01, 0.3}, payload(100'000));
  tiny.edge("part0:early->answer:early", 0);
  tiny.plan.gates = {
      {.part = "part0", .confidence = "c", .threshold = 0.5, .exit = "early", .taken = 0.25}};
  const Trace trace = play(tiny, {.frames = 2000, .max_in_flight = 1});
  int taken = 0;
  double sum = 0;
  for (const FrameRecord& frame : trace.frames) {
    taken += frame.bytes.empty();
    sum += frame.capture_to_output.count();
    EXPECT_NEAR(frame.capture_to_output.count(),
                frame.bytes.empty() ? 0.1 : 0.1 + 0.12 + 0.3 + 0.12, 1e-9);
  }
  EXPECT_NEAR(taken / 2000.0, 0.25, 0.03);
  EXPECT_NEAR(sum / 2000, predict(tiny.plan, tiny.cluster, tiny.profile).total.count(), 0.03);
}

TEST(Simulate, TakesTheFirstOfARace) {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b"}) tiny.machine(name, name[0] == 'a' ? 3 : 1);
  tiny.link("camera", "a", 1e12, 0);
  tiny.link("camera", "b", 1e12, 0);
  tiny.part("p", {"a", "b"}, 0.1, Placement::kRace);
  tiny.edge("input:x->p:x", 100);
  tiny.edge("p:y->answer:y", 100);
  for (const FrameRecord& frame : play(tiny, {.frames = 3, .max_in_flight = 1}).frames)
    EXPECT_NEAR(frame.capture_to_output.count(), 0.1, 0.2);
  const Trace first = play(tiny, {.frames = 1});
  EXPECT_NEAR(first.frames[0].capture_to_output.count(), 0.1, 1e-6);
}

TEST(Simulate, ReplacesAnOptionalInputThatDoesNotCome) {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b"}) tiny.machine(name);
  tiny.link("camera", "a", 1e12, 0);
  tiny.link("camera", "b", 1e12, 0);
  tiny.part("left", {"a"}, 1);
  tiny.part("right", {"b"}, 3);
  tiny.part("merge", {"camera"}, 0.25);
  for (const char* side : {"left", "right"}) {
    tiny.edge(std::string("input:x->") + side + ":x", 0);
    PlanEdge& edge = tiny.edge(std::string(side) + ":y->merge:" + side, 0);
    edge.required = false;
    edge.wait = Seconds{0.5};
  }
  tiny.edge("merge:y->answer:y", 0);
  const Trace trace = play(tiny, {.frames = 1});
  EXPECT_NEAR(trace.frames[0].capture_to_output.count(), 1.75, 1e-6);
  EXPECT_EQ(trace.frames[0].missing, std::vector<std::string>{"right:y->merge:right"});
}

TEST(Simulate, IsTheSameForTheSameSeed) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.001, 0.01}, payload(20'000));
  tiny.cluster.links[0].up.loss = 0.2;
  tiny.cluster.links[0].up.headers = {};
  const auto times = [&](std::uint64_t seed) {
    return to_json(play(tiny, {.frames = 50, .seed = seed})).dump();
  };
  EXPECT_EQ(times(1), times(1));
  EXPECT_NE(times(1), times(2));
}

TEST(Simulate, GivesSpansThatAddUpToTheFrame) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.01, 0.3}, payload(100'000));
  for (auto& [key, codec] : tiny.profile.codecs) codec.encode = codec.decode = Seconds{0.002};
  tiny.profile.codecs[normalise_key(tiny.plan, tiny.plan.edges[0])].encode = Seconds{0.001};
  const Trace trace = play(tiny, {.frames = 3, .max_in_flight = 1, .prepare = Seconds{0.003}});
  for (const FrameRecord& frame : trace.frames) {
    Seconds sum{0};
    for (const Span& span : frame.spans) sum += span.duration;
    EXPECT_NEAR(sum.count(), frame.capture_to_output.count(), 1e-9);
  }
}

TEST(Simulate, RefusesTheImpossible) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0.01}, 1000);
  for (const SimOptions& bad :
       {SimOptions{.frames = -1}, SimOptions{.rate = -1}, SimOptions{.live = true},
        SimOptions{.max_in_flight = 0}, SimOptions{.queue = 0},
        SimOptions{.events = {{.machine = "camera"}}},
        SimOptions{.events = {{.machine = "nobody"}}}})
    EXPECT_THROW(play(tiny, bad), Error);
  EXPECT_THROW(simulate({}, std::vector<Plan>{}, tiny.cluster, tiny.profile), Error);
}

}  // namespace
}  // namespace isthmus
