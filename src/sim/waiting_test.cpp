// How much waits on a machine, in virtual time and by what room allows.

#include "plan/waiting.h"

#include <gtest/gtest.h>

#include "codec/frame.h"
#include "plan/costs.h"
#include "plan/room.h"
#include "sim/fixture.h"

namespace isthmus {
namespace {

// As many frames wait as there is room for by their size (plan/room.h), whatever is granted.
TEST(WhatWaits, HoldsAsManyFramesAsThereIsRoomFor) {
  for (const std::size_t bytes : {500'000, 1'000'000, 4'000'000, 20'000'000}) {
    TinyPlans tiny = pipeline({0.001, 0.1});
    tiny.plan = {};
    tiny.chain({"m0", "m1"}, {0.001, 0.1}, payload(bytes));
    const Trace trace = play(tiny, {.frames = 200, .max_in_flight = 100});
    const int room = frames_of_room(static_cast<double>(bytes));
    EXPECT_NEAR(throughput(trace), 10, 0.05);
    for (std::size_t i = 100; i < trace.frames.size(); ++i)
      EXPECT_NEAR(trace.frames[i].capture_to_output.count(), 2 * room * 0.1, 0.05) << bytes;
  }
}

// Messages of 12 MB between machines on fast links, the last of which is the slowest, so that all
// before it are full; the answer is small.
TinyPlans full_chain(const std::vector<std::string>& machines) {
  TinyPlans tiny = pipeline({0, 0, 0});
  tiny.link("m0", "m2", 1e12, 0);
  tiny.plan = {};
  std::vector<double> seconds(machines.size(), 0.01);
  seconds.back() = 0.1;
  tiny.chain(machines, seconds, payload(12'000'000));
  tiny.profile.codecs[codec_key(tiny.plan, tiny.plan.edges.back())].bytes = 100;
  return tiny;
}

WaitingBytes most_waiting_in(const TinyPlans& tiny) {
  return most_waiting(play(tiny, {.frames = 100, .max_in_flight = 60}), tiny.plan);
}

WaitingBytes allowed_in(const TinyPlans& tiny) {
  return plan_rooms(tiny.plan, costs_of(tiny.plan, "camera", tiny.profile)).waiting_bytes;
}

TEST(WhatWaits, AtAMachineAsRoomAllows) {
  const TinyPlans tiny = full_chain({"m0", "m1", "m2"});
  const WaitingBytes waiting = most_waiting_in(tiny);
  // Behind what waits there is one message on the link, and another has taken its place.
  EXPECT_NEAR(waiting.at("m0"), (kLeastRoom + 1) * 12e6, 1e3);
  EXPECT_NEAR(waiting.at("m1"), (kLeastRoom + 1) * 12e6, 1e3);
  EXPECT_NEAR(waiting.at("m2"), kLeastRoom * 12e6, 1e3);
  // On a slow link there may be as many as the next machine has room for.
  const WaitingBytes allowed = allowed_in(tiny);
  EXPECT_EQ(allowed.at("m1"), 2 * kLeastRoom * 12e6);
  EXPECT_EQ(allowed.at("m2"), kLeastRoom * 12e6);
}

// Room is counted for one part of a machine; each of its stages may be full at the same time.
TEST(WhatWaits, AtAMachineForEachOfItsStages) {
  const TinyPlans tiny = full_chain({"m0", "m1", "m0", "m1", "m0", "m2"});
  const WaitingBytes waiting = most_waiting_in(tiny);
  EXPECT_NEAR(waiting.at("m0"), 3 * (kLeastRoom + 1) * 12e6, 1e3);
  EXPECT_NEAR(waiting.at("m1"), 2 * (kLeastRoom + 1) * 12e6, 1e3);
  EXPECT_EQ(allowed_in(tiny).at("m0"), 2 * kLeastRoom * 12e6);
  const PlanCosts costs = costs_of(tiny.plan, "camera", tiny.profile);
  const Machine& machine = tiny.cluster.machine("m0");
  EXPECT_NEAR(static_cast<double>(memory_footprint(tiny.plan, costs, machine, waiting) -
                                  working_set(tiny.plan, costs, machine)),
              waiting.at("m0"), 1);
}

}  // namespace
}  // namespace isthmus
