// What the simulator must say where pencil and paper know the answer.

#include <gtest/gtest.h>

#include <algorithm>

#include "codec/frame.h"
#include "plan/costs.h"
#include "plan/tiny_plans.h"
#include "sim/fixture.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

TEST(ClosedForm, HasTheThroughputOfTheSlowestStage) {
  for (const std::vector<double>& stages :
       {std::vector<double>{0.01, 0.04, 0.02}, {0.03}, {0.01, 0.01, 0.01, 0.05, 0.001}}) {
    const Trace trace = play(pipeline(stages), {.frames = 500, .max_in_flight = 16, .queue = 16});
    EXPECT_NEAR(throughput(trace) * std::ranges::max(stages), 1, 1e-3);
  }
}

TEST(ClosedForm, HasTheLatencyOfAllStagesWhereFramesComeSlowly) {
  const std::vector<double> stages{0.01, 0.04, 0.02, 0.03};
  const Trace trace = play(pipeline(stages), {.frames = 50, .rate = 20, .max_in_flight = 8});
  for (const FrameRecord& frame : trace.frames)
    EXPECT_NEAR(frame.capture_to_output.count(), 0.1, 1e-6);
}

TEST(ClosedForm, HasTheThroughputOfTheSlowestLink) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0.01}, payload(100'000));
  const Trace trace = play(tiny, {.frames = 300});
  EXPECT_NEAR(throughput(trace), 10, 0.01);
}

// 20 might be on their way; the source waits for credit with the others. The answer takes as long
// as the message, and holds none. (Each has a latency of 20 ms.)
TEST(ClosedForm, HasAsManyFramesBeforeASlowLinkAsThereIsCredit) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"server"}, {0.001}, payload(100'000));
  const Trace trace = play(tiny, {.frames = 60, .max_in_flight = 20, .queue = 4});
  EXPECT_NEAR(throughput(trace), 10, 0.01);
  for (std::size_t i = 10; i < trace.frames.size(); ++i)
    EXPECT_NEAR(trace.frames[i].capture_to_output.count(), 0.52, 0.002) << i;
}

// What a head on the source sends is asked for when the frame is admitted, and not once it waits.
TEST(ClosedForm, AdmitsAHeadOnlyWithCreditForItsOutput) {
  TinyPlans tiny = camera_and_server();
  tiny.chain({"camera", "server"}, {0.001, 0.1}, payload(100));
  const Trace trace = play(tiny, {.frames = 60, .max_in_flight = 20, .queue = 2});
  EXPECT_NEAR(throughput(trace), 10, 0.05);
  for (std::size_t i = 10; i < trace.frames.size(); ++i)
    EXPECT_NEAR(trace.frames[i].capture_to_output.count(), 0.22, 0.005) << i;
}

TEST(ClosedForm, WorksOnAsManyFramesAsThereAreCores) {
  TinyPlans tiny = pipeline({0.1});
  tiny.cluster.machines[1].cores = 4;
  EXPECT_NEAR(throughput(play(tiny, {.frames = 400, .max_in_flight = 8})), 40, 0.5);
}

TEST(ClosedForm, HoldsBackAStageWhoseNextHasNoCredit) {
  // 64 frames may be on their way, but only 2 may be at each stage, the one that runs included.
  const Trace trace =
      play(pipeline({0.001, 0.1}), {.frames = 100, .max_in_flight = 64, .queue = 2});
  EXPECT_NEAR(throughput(trace), 10, 0.05);
  // Captured when admitted: at most 3 frames are in front of a frame.
  for (const FrameRecord& frame : trace.frames) EXPECT_LE(frame.capture_to_output.count(), 0.45);
}

// A frame keeps its place on a machine until the last part there has handed it on.
TEST(ClosedForm, HoldsBackAllStagesOfAMachineWhoseNextHasNoCredit) {
  TinyPlans tiny = pipeline({0.001, 0.1});
  tiny.plan = {};
  tiny.chain({"m0", "m0", "m1"}, {0.001, 0.001, 0.1}, payload(100));
  const Trace trace = play(tiny, {.frames = 100, .max_in_flight = 64, .queue = 2});
  EXPECT_NEAR(throughput(trace), 10, 0.05);
  for (std::size_t i = 10; i < trace.frames.size(); ++i)
    EXPECT_NEAR(trace.frames[i].capture_to_output.count(), 0.4, 0.05) << i;
}

// Of what waits for a machine the oldest frame comes first, whenever it came.
TEST(ClosedForm, LetsNoFramePassAnOlderOne) {
  TinyPlans tiny = pipeline({0, 0});
  tiny.plan = {};
  tiny.chain({"m0", "m1", "m0"}, {0.1, 0.05, 0.1}, payload(100));
  const Trace trace = play(tiny, {.frames = 3, .max_in_flight = 3});
  ASSERT_EQ(trace.frames.size(), 3U);
  // While m0 begins the second frame the first comes back from m1, and so on. The third has nobody
  // behind it.
  const std::vector<double> expected{0.3, 0.4, 0.65};
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(trace.frames[i].capture_to_output.count(), expected[i], 1e-3);
}

// What a part made for the next on its machine does not wait behind the frames that came after.
TEST(ClosedForm, EndsAFramesPartsOnAMachineBeforeItBeginsAnother) {
  TinyPlans tiny = pipeline({0.1});
  tiny.plan = {};
  tiny.chain({"m0", "m0", "m0"}, {0.1, 0.2, 0.3}, payload(100));
  const Trace trace = play(tiny, {.frames = 3, .max_in_flight = 3});
  ASSERT_EQ(trace.frames.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(trace.frames[i].capture_to_output.count(), 0.6 * static_cast<double>(i + 1), 1e-3);
}

TEST(ClosedForm, SpreadsFramesInProportionToSpeed) {
  TinyPlans tiny;
  tiny.machine("camera");
  std::vector<std::string> replicas;
  for (int i = 0; i < 10; ++i) {
    replicas.push_back("r" + std::to_string(i));
    tiny.machine(replicas.back(), i < 5 ? 1 : 3);
    tiny.link("camera", replicas.back(), 1e12, 0);
  }
  tiny.part("p", replicas, 0.03, Placement::kSpread);
  tiny.edge("input:x->p:x", 100);
  tiny.edge("p:y->answer:y", 100);
  const double ideal = 5 / 0.03 + 5 / 0.09;
  EXPECT_NEAR(throughput(play(tiny, {.frames = 3000, .max_in_flight = 40, .queue = 40})) / ideal, 1,
              0.02);
}

// Frames of which the machine has run the part.
std::int64_t frames_on(const Trace& trace, const std::string& machine, const std::string& part) {
  return std::ranges::count_if(trace.frames, [&](const FrameRecord& frame) {
    return std::ranges::any_of(frame.spans, [&](const Span& span) {
      return span.kind == SpanKind::kRun && span.machine == machine && span.what == part;
    });
  });
}

// A board's time is that of all parts of a frame that are spread over its list, and a frame is
// there once, with however many.
TEST(ClosedForm, SpreadsFramesByTheWorkOfAllTheirParts) {
  TinyPlans tiny;
  tiny.machine("camera");
  tiny.machine("fast");
  tiny.machine("slow", 2.5);
  tiny.network(1e12, 0);
  tiny.part("glue", {"fast", "slow"}, 0, Placement::kSpread);
  tiny.part("work", {"fast", "slow"}, 0.1, Placement::kSpread);
  tiny.edge("input:x->glue:x", 100);
  tiny.edge("glue:y->work:x", 100);
  tiny.edge("work:y->answer:y", 100);
  tiny.plan.deadline = Seconds{100};
  // Before the first answer the boards take turns. Two in flight: frame 1 is on the slow board to
  // 0.25 s. From then on the other is on the fast board whenever a new one comes, which would take
  // 0.2 s there and 0.25 s on the slow board.
  //
  // Four: frames 1 and 3 are on the slow board to 0.5 s. Then it has one at any time, since a
  // fourth on the fast board would take 0.4 s, a third 0.3 s, and a second on the slow one 0.5 s.
  // To 4 s it gets 15 more, one every 0.25 s. The fast board got frames 0 and 2, another at 0.25 s,
  // and 40, one every 0.1 s; the last two of the 62 follow there.
  struct Case {
    int in_flight;
    std::int64_t slow;
  };
  for (const Case& c : {Case{.in_flight = 2, .slow = 1}, Case{.in_flight = 4, .slow = 17}}) {
    SCOPED_TRACE(c.in_flight);
    const Trace trace = play(tiny, {.frames = 62, .max_in_flight = c.in_flight});
    EXPECT_EQ(frames_on(trace, "slow", "work"), c.slow);
    EXPECT_EQ(frames_on(trace, "fast", "work"), 62 - c.slow);
  }
}

// Every frame has it, whichever replica it takes.
TEST(ClosedForm, SpreadsFramesWhateverElseAReplicaRuns) {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b"}) tiny.machine(name);
  tiny.network(1e12, 0);
  tiny.part("work", {"a", "b"}, 0.125, Placement::kSpread);
  tiny.part("rest", {"a"}, 0.25);
  tiny.edge("input:x->work:x", 100);
  tiny.edge("work:y->rest:x", 100);
  tiny.edge("rest:y->answer:y", 100);
  const Trace trace = play(tiny, {.frames = 40, .max_in_flight = 1});
  EXPECT_EQ(frames_on(trace, "a", "work"), 20);
  EXPECT_EQ(frames_on(trace, "b", "work"), 20);
}

// Three stages on two of three boards each. What a machine does of another stage is not counted.
Trace overlapping(double slowdown_of_c) {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b"}) tiny.machine(name);
  tiny.machine("c", slowdown_of_c);
  tiny.network(1e12, 0);
  tiny.part("first", {"a", "b"}, 0.1, Placement::kSpread);
  tiny.part("second", {"b", "c"}, 0.1, Placement::kSpread);
  tiny.part("third", {"a", "c"}, 0.1, Placement::kSpread);
  tiny.edge("input:x->first:x", 100);
  tiny.edge("first:y->second:x", 100);
  tiny.edge("second:y->third:x", 100);
  tiny.edge("third:y->answer:y", 100);
  tiny.plan.deadline = Seconds{100};
  return play(tiny, {.frames = 1000, .max_in_flight = 18});
}

TEST(ClosedForm, SpreadsEachStageByItselfWhereListsOfReplicasOverlap) {
  const Trace equal = overlapping(1);
  EXPECT_NEAR(throughput(equal) * 0.1, 1, 0.03);
  for (const auto& [machine, part] : {std::pair("a", "first"), {"b", "second"}, {"c", "third"}})
    EXPECT_NEAR(frames_on(equal, machine, part), 500, 10) << machine;
  // In proportion to speed, or less where frames queue before the slow one: at least 7.5 a second.
  const Trace unequal = overlapping(2);
  EXPECT_GT(throughput(unequal), 7.4);
  for (const char* part : {"second", "third"}) {
    EXPECT_LT(frames_on(unequal, "c", part), 350) << part;
    EXPECT_GT(frames_on(unequal, "c", part), 200) << part;
  }
}

TEST(ClosedForm, HasTheThroughputOfAllReplicas) {
  for (const int replicas : {1, 2, 5, 12}) {
    SCOPED_TRACE(replicas);
    TinyPlans tiny;
    tiny.machine("camera");
    std::vector<std::string> machines;
    for (int i = 0; i < replicas; ++i) {
      machines.push_back("r" + std::to_string(i));
      tiny.machine(machines.back());
    }
    tiny.network(1e12, 0);
    tiny.part("p", machines, 0.03, Placement::kSpread);
    tiny.edge("input:x->p:x", 100);
    tiny.edge("p:y->answer:y", 100);
    const int in_flight = 2 * replicas;
    const Trace trace =
        play(tiny, {.frames = 2000, .max_in_flight = in_flight, .queue = in_flight});
    EXPECT_NEAR(throughput(trace) * 0.03 / replicas, 1, 0.02);
  }
}

TEST(ClosedForm, FillsReplicasEvenlyFromTheFirstFrame) {
  TinyPlans tiny;
  tiny.machine("camera");
  std::vector<std::string> machines;
  for (int i = 0; i < 6; ++i) {
    machines.push_back("r" + std::to_string(i));
    tiny.machine(machines.back());
  }
  // A message takes 10 ms, so that the replicas answer one after the other.
  tiny.network(8e6, 0);
  tiny.part("p", machines, 0.6, Placement::kSpread);
  tiny.edge("input:x->p:x", payload(10'000));
  tiny.edge("p:y->answer:y", 100);
  // Three frames on each at any time: the slowest waits for two, and for the messages of the first.
  for (const FrameRecord& frame : play(tiny, {.frames = 60, .max_in_flight = 18}).frames)
    EXPECT_LT(frame.capture_to_output.count(), 3 * 0.6 + 18 * 0.011);
}

// x -> one part for each of `boards` -> merge on the first board; every message of
// a shard takes `in` and `out` on air.
TinyPlans fan_out(int boards, double in, double out, bool network) {
  TinyPlans tiny;
  tiny.machine("camera");
  tiny.part("merge", {"m0"}, 0.01);
  for (int i = 0; i < boards; ++i) {
    const std::string machine = "m" + std::to_string(i);
    const std::string part = "shard" + std::to_string(i);
    tiny.machine(machine);
    if (!network) {
      tiny.link("camera", machine, 8e6, 0.001);
      if (i > 0) tiny.link("m0", machine, 8e6, 0.001);
    }
    tiny.part(part, {machine}, 0.2);
    tiny.edge("input:x->" + part + ":x", payload(static_cast<std::size_t>(1e6 * in)));
    tiny.edge(part + ":y->merge:" + part, payload(static_cast<std::size_t>(1e6 * out)));
  }
  tiny.edge("merge:y->answer:y", payload(1000));
  if (network) tiny.network(8e6, 0.001);
  return tiny;
}

TEST(ClosedForm, SharesTheInterfacesOfANetwork) {
  // By links of their own the four boards get their share at once, and the three answers meet.
  TinyPlans links = fan_out(4, 0.05, 0.05, false);
  const auto time = [](const TinyPlans& tiny) {
    return play(tiny, {.frames = 1}).frames[0].capture_to_output.count();
  };
  EXPECT_NEAR(time(links), 0.05 + 0.001 + 0.2 + 0.05 + 0.001 + 0.01 + 0.001 + 0.001, 1e-9);
  // On the network the camera sends one after the other. Each board sends as soon as it is done, a
  // time on air after the one before: the answers do not meet.
  TinyPlans network = fan_out(4, 0.05, 0.05, true);
  EXPECT_NEAR(time(network), 4 * 0.05 + 0.001 + 0.2 + 0.05 + 0.001 + 0.01 + 0.001 + 0.001, 1e-9);
  // All done at once: three answers take three times on air at the merge.
  network = fan_out(4, 0.0001, 0.05, true);
  EXPECT_NEAR(time(network), 0.0002 + 0.001 + 0.2 + 3 * 0.05 + 0.001 + 0.01 + 0.001 + 0.001, 1e-9);
  // Many frames: the camera's interface is the bottleneck.
  network = fan_out(4, 0.1, 0.05, true);
  EXPECT_NEAR(throughput(play(network, {.frames = 300, .max_in_flight = 8, .queue = 16})), 2.5,
              0.01);
}

TEST(ClosedForm, HasTheThroughputOfAStageInShards) {
  // 0.2 s in each of the shards, whatever goes over the interfaces meanwhile.
  for (const int boards : {1, 2, 4}) {
    SCOPED_TRACE(boards);
    TinyPlans tiny = fan_out(boards, 0.01, 0.01, true);
    tiny.plan.deadline = Seconds{100};
    for (int i = 0; i < boards; ++i)
      tiny.profile.parts["shard" + std::to_string(i)].median = Seconds{0.2 / boards};
    // The first board merges as well; at the end its merges come in a bunch.
    const double busiest = 0.2 / boards + 0.01;
    EXPECT_NEAR(throughput(play(tiny, {.frames = 400, .max_in_flight = 16, .queue = 16})) * busiest,
                1, 0.03);
  }
}

TEST(ClosedForm, PaysForSwappingInEachRun) {
  TinyPlans tiny = pipeline({0.1});
  tiny.profile.parts["part0"].weight_bytes = 30'000'000;
  tiny.cluster.machines[1].memory = kRuntimeBytes + 10'000'000;
  tiny.cluster.machines[1].swap_bandwidth = 100e6;
  // 20 MB too much.
  EXPECT_NEAR(throughput(play(tiny, {.frames = 300})) * (0.1 + 0.2), 1, 1e-3);
}

TEST(ClosedForm, PlaysTenThousandMachinesQuickly) {
  constexpr int kMachines = 10'000;
  constexpr int kFrames = 20;
  TinyPlans tiny;
  tiny.machine("camera");
  std::vector<std::string> machines;
  for (int i = 0; i < kMachines; ++i) {
    machines.push_back("m" + std::to_string(i));
    tiny.machine(machines.back());
  }
  tiny.network(1e9, 0.001);
  tiny.chain(machines, std::vector<double>(kMachines, 0.01), payload(1000));
  tiny.plan.deadline = Seconds{1e6};
  const Seconds start = system_clock().now();
  const Trace trace =
      play(tiny, {.frames = kFrames, .max_in_flight = kFrames, .queue = 32, .record_spans = false});
  const double seconds = (system_clock().now() - start).count();
  for (const FrameRecord& frame : trace.frames) ASSERT_EQ(frame.outcome, Outcome::kAnswered);
  // bench/simulator.cpp has the real figures; this is a tenth, and less for a sanitizer.
  EXPECT_GT(kMachines * kFrames / seconds, 20'000);
}

}  // namespace
}  // namespace isthmus
