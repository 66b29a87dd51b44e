#include "plan/room.h"

#include <gtest/gtest.h>

#include <vector>

#include "plan/costs.h"
#include "plan/tiny_plans.h"

namespace isthmus {
namespace {

constexpr double kMega = 1 << 20;

PlanRooms rooms_of(const TinyPlans& tiny, std::vector<double> bytes) {
  return plan_rooms(tiny.plan, bytes);
}

double waits_at(const PlanRooms& rooms, const std::string& machine) {
  const auto found = rooms.waiting_bytes.find(machine);
  return found == rooms.waiting_bytes.end() ? 0 : found->second;
}

TEST(Room, IsOfBytesWithinLimits) {
  EXPECT_EQ(frames_of_room(1 * kMega), 8);
  EXPECT_EQ(frames_of_room(12 * kMega), kLeastRoom);
  EXPECT_EQ(frames_of_room(100), kMostRoom);
  EXPECT_EQ(frames_of_room(0), kMostRoom);
  EXPECT_EQ(frames_of_room(1 * kMega, /*senders=*/2), 4);
  EXPECT_EQ(frames_of_room(12 * kMega, /*senders=*/2), 2);
  EXPECT_EQ(frames_of_room(12 * kMega, /*senders=*/5), 1);
}

// camera -(1)-> a -(2)-> b -(.5)-> answer: a frame waits at `a` as what came or as what is to
// leave.
TEST(Room, IsThatOfTheLargerSide) {
  TinyPlans tiny;
  tiny.chain({"a", "b"}, {1, 1}, 1);
  const PlanRooms rooms = rooms_of(tiny, {kMega, 2 * kMega, kMega / 2});
  EXPECT_EQ(rooms.frames, (std::vector<int>{4, 4, kMostRoom}));
  EXPECT_EQ(waits_at(rooms, "a"), 4 * 2 * kMega + 4 * 2 * kMega) << "and what is on the link to b";
  EXPECT_EQ(waits_at(rooms, "b"), 4 * 2 * kMega);
  EXPECT_EQ(waits_at(rooms, "camera"), 0);
}

// What the next part on the machine sends away keeps the place of the frame, too.
TEST(Room, CountsWhatPartsOfOneMachineMakeTogether) {
  TinyPlans tiny;
  tiny.chain({"a", "a", "b"}, {1, 1, 1}, 1);
  const PlanRooms rooms = rooms_of(tiny, {kMega / 8, 0, 4 * kMega, kMega});
  EXPECT_EQ(rooms.frames, (std::vector<int>{kLeastRoom, kMostRoom, kLeastRoom, kMostRoom}));
  EXPECT_EQ(waits_at(rooms, "a"), 2 * kLeastRoom * 4 * kMega);
}

// Frames wait before one part of a machine or another.
TEST(Room, OfAMachineIsThatOfThePartThatHasMost) {
  TinyPlans tiny;
  tiny.chain({"a", "b", "a"}, {1, 1, 1}, 1);
  const PlanRooms rooms = rooms_of(tiny, {kMega, 2 * kMega, 8 * kMega, 1});
  EXPECT_EQ(waits_at(rooms, "a"), kLeastRoom * 8 * kMega)
      << "and not what waits for the first part as well";
}

TEST(Room, IsSharedByReplicasThatSend) {
  TinyPlans tiny;
  tiny.part("first", {"a", "b"}, 1, Placement::kSpread);
  tiny.part("then", {"d", "e"}, 1, Placement::kSpread);
  tiny.edge("input:x->first:x", 1);
  tiny.edge("first:y->then:x", 1);
  tiny.edge("then:y->answer:y", 1);
  const PlanRooms rooms = rooms_of(tiny, {1, 6 * kMega, 1});
  EXPECT_EQ(rooms.frames[1], 2) << "half of the room, rounded up";
  EXPECT_EQ(waits_at(rooms, "d"), 2 * 2 * 6 * kMega);
  EXPECT_EQ(waits_at(rooms, "a"), kLeastRoom * 6 * kMega + 2 * 6 * kMega);
}

TEST(Room, IsPartOfTheFootprint) {
  TinyPlans tiny;
  tiny.machine("camera");
  tiny.machine("a").memory = 100'000'000;
  tiny.machine("b");
  tiny.link("camera", "a", 1e6, 0);
  tiny.link("a", "b", 1e6, 0);
  tiny.chain({"a", "b"}, {1, 1}, 12 * kMega);
  const PlanCosts costs = costs_of(tiny.plan, "camera", tiny.profile);
  const Machine& a = tiny.cluster.machines[1];
  const double message = costs.edges[1].message_bytes;
  EXPECT_NEAR(static_cast<double>(memory_footprint(tiny.plan, costs, a) - kRuntimeBytes),
              2 * kLeastRoom * message, 1);
  const auto problem = memory_problem(tiny.plan, costs, tiny.cluster);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("a would need"), std::string::npos) << *problem;
  // All on one machine: nothing waits.
  EXPECT_EQ(memory_footprint(all_on(tiny.plan, "a"),
                             costs_of(all_on(tiny.plan, "a"), "a", tiny.profile), a),
            kRuntimeBytes);
}

}  // namespace
}  // namespace isthmus
