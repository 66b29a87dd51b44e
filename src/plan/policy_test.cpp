#include "plan/policy.h"

#include <gtest/gtest.h>

#include "plan/tiny_plans.h"

namespace isthmus {
namespace {

Plan plan_on(const std::string& name, std::vector<std::string> machines,
             Placement placement = Placement::kSingle) {
  TinyPlans tiny;
  tiny.part("p", std::move(machines), 1, placement);
  tiny.edge("input:x->p:x", 1);
  tiny.edge("p:y->answer:y", 1);
  tiny.plan.name = name;
  return tiny.plan;
}

// First the pair of replicas, then one server, then another.
const std::vector<Plan> kLadder = {plan_on("spread", {"a", "b"}, Placement::kSpread),
                                   plan_on("c", {"c"}),
                                   plan_on("standby", {"d", "e"}, Placement::kStandby)};

TEST(AdmitRoute, TakesTheFirstPlanThatLives) {
  struct Case {
    std::set<std::string> dead;
    std::size_t plan;
    const char* machine;
    const char* reason;
  };
  for (const Case& c : {Case{{}, 0, "a", ""},
                        {{"a"}, 0, "b", ""},
                        {{"b", "c", "d"}, 0, "a", ""},
                        {{"a", "b"}, 1, nullptr, "a is gone"},
                        {{"a", "b", "c"}, 2, "d", "a is gone"},
                        {{"a", "b", "c", "d"}, 2, "e", "a is gone"},
                        {{"a", "b", "c", "d", "e"}, 3, nullptr, "a is gone"}}) {
    SCOPED_TRACE(c.dead.size());
    const Route route = admit_route(kLadder, {.dead = c.dead, .load = {}}, 0);
    EXPECT_EQ(route.plan, c.plan);
    EXPECT_EQ(route.reason, c.reason);
    EXPECT_EQ(route.machine_of.contains("p"), c.machine != nullptr);
    if (c.machine != nullptr) {
      EXPECT_EQ(route.machine_of.at("p"), c.machine);
    }
  }
}

TEST(AdmitRoute, TakesTurnsBetweenEqualReplicas) {
  for (std::uint32_t frame = 0; frame < 4; ++frame)
    EXPECT_EQ(admit_route(kLadder, {}, frame).machine_of.at("p"), frame % 2 == 0 ? "a" : "b");
}

TEST(AdmissionEdges, AreThoseByWhichTheSourceSendsFirst) {
  // The camera has the head, a late part and, among others, a replica.
  TinyPlans tiny;
  tiny.part("late", {"camera"}, 1);
  tiny.part("head", {"camera"}, 1);
  tiny.part("server", {"server"}, 1);
  tiny.part("last", {"server"}, 1);
  tiny.part("either", {"camera", "server"}, 1, Placement::kSpread);
  tiny.part("both", {"camera", "server"}, 1, Placement::kRace);
  for (const char* edge :
       {"input:x->head:x", "input:x->either:x", "head:a->server:a", "head:b->late:b",
        "head:c->both:c", "server:d->late:d", "late:e->last:e", "last:f->answer:f"})
    tiny.edge(edge, 1);
  EXPECT_EQ(admission_edges(tiny.plan, "camera"), (std::vector<std::uint32_t>{1, 2}));
}

TEST(AdmitRoute, KeepsPartsOfTheSameReplicasTogether) {
  TinyPlans tiny;
  tiny.part("work", {"a", "b", "c"}, 1, Placement::kSpread);
  tiny.part("glue", {"a", "b", "c"}, 0, Placement::kSpread);
  tiny.part("other", {"d", "e"}, 1, Placement::kSpread);
  tiny.edge("input:x->work:x", 1);
  tiny.edge("work:y->glue:y", 1);
  tiny.edge("glue:z->other:z", 1);
  tiny.edge("other:s->answer:s", 1);
  std::set<std::string> used;
  for (std::uint32_t frame = 0; frame < 6; ++frame) {
    const auto machine_of = admit_route({tiny.plan}, {}, frame).machine_of;
    EXPECT_EQ(machine_of.at("work"), machine_of.at("glue"));
    used.insert(machine_of.at("glue"));
  }
  EXPECT_EQ(used.size(), 3U);
}

TEST(AdmitRoute, TakesTheLeastLoadedReplica) {
  const Situation situation{.dead = {},
                            .load = {{{"a", "b"}, {{"a", Seconds{0.2}}, {"b", Seconds{0.1}}}}}};
  for (std::uint32_t frame = 0; frame < 3; ++frame)
    EXPECT_EQ(admit_route(kLadder, situation, frame).machine_of.at("p"), "b");
}

// What a machine does for one list says nothing of another.
TEST(AdmitRoute, BalancesEachListOfReplicasByItself) {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b", "c"}) tiny.machine(name);
  tiny.network(1e9, 0);
  tiny.part("first", {"a", "b"}, 0.1, Placement::kSpread);
  tiny.part("second", {"b", "c"}, 0.1, Placement::kSpread);
  tiny.part("glue", {"a", "b"}, 0.1, Placement::kSpread);
  EXPECT_EQ(replica_groups(tiny.plan), (ReplicaGroups{{0, 2}, {1}}));
  const Situation situation{.dead = {},
                            .load = {{{"a", "b"}, {{"a", Seconds{2}}, {"b", Seconds{1}}}},
                                     {{"b", "c"}, {{"b", Seconds{5}}, {"c", Seconds{4}}}}}};
  const auto machine_of = admit_route({tiny.plan}, situation, 0).machine_of;
  EXPECT_EQ(machine_of.at("first"), "b");
  EXPECT_EQ(machine_of.at("glue"), "b");
  EXPECT_EQ(machine_of.at("second"), "c");
}

TEST(AdmitRoute, TreatsARaceAsAliveWhileOneLives) {
  const std::vector<Plan> ladder = {plan_on("race", {"a", "b"}, Placement::kRace)};
  EXPECT_EQ(admit_route(ladder, {.dead = {"a"}, .load = {}}, 0).plan, 0U);
  EXPECT_TRUE(admit_route(ladder, {}, 0).machine_of.empty());
  EXPECT_EQ(admit_route(ladder, {.dead = {"a", "b"}, .load = {}}, 0).plan, 1U);
}

TEST(AdmitRoute, AnswersLocallyWhenTheSinkIsGone) {
  Plan plan = plan_on("sink", {"a"});
  plan.sink = "control";
  EXPECT_EQ(admit_route({plan}, {.dead = {"control"}, .load = {}}, 0).reason, "control is gone");
}

TEST(ExpectedLoad, GrowsWithWhatIsOnItsWay) {
  const std::vector<Seconds> times = {Seconds{0.1}, Seconds{0.3}};
  EXPECT_DOUBLE_EQ(expected_load(times, 0).count(), 0.2);
  EXPECT_DOUBLE_EQ(expected_load(times, 3).count(), 0.8);
  EXPECT_DOUBLE_EQ(expected_load({}, 3).count(), 0);
}

TEST(RetryRoute, GoesOnDownTheLadderWhileThereIsTime) {
  std::vector<Plan> ladder = kLadder;
  ladder[1].predicted = Prediction{.total = Seconds{0.5}};
  struct Case {
    const char* name;
    Route failed;
    std::set<std::string> dead;
    double budget;
    std::size_t plan;
  };
  for (const Case& c : {
           Case{"the other replica", {0, {{"p", "a"}}, ""}, {"a"}, 1, 0},
           {"refused: the other replica", {0, {{"p", "b"}}, ""}, {}, 1, 0},
           {"the next plan", {0, {{"p", "a"}}, ""}, {"a", "b"}, 1, 1},
           {"the next plan does not fit, the one after says nothing",
            {0, {{"p", "a"}}, ""},
            {"a", "b"},
            0.6,
            2},
           {"nothing fits beside the local answer", {0, {{"p", "a"}}, ""}, {"a", "b"}, 0.2, 3},
           {"no time at all", {0, {{"p", "a"}}, ""}, {"a"}, -1, 3},
           {"the last plan failed", {2, {{"p", "d"}}, ""}, {"d", "e"}, 9, 3},
           {"the last plan's other machine", {2, {{"p", "d"}}, ""}, {"d"}, 9, 2},
       }) {
    SCOPED_TRACE(c.name);
    const Route route = retry_route(ladder, {.dead = c.dead, .load = {}}, 0, c.failed,
                                    Seconds{c.budget}, Seconds{0.2});
    EXPECT_EQ(route.plan, c.plan);
    EXPECT_FALSE(route.plan == c.failed.plan && route.machine_of == c.failed.machine_of);
    EXPECT_FALSE(route.reason.empty());
  }
}

// The one that refused has the least to do because it refuses.
TEST(RetryRoute, TakesAnotherReplicaThoughItHasMoreToDo) {
  const Route failed{0, {{"p", "a"}}, ""};
  const Situation situation{.dead = {},
                            .load = {{{"a", "b"}, {{"a", Seconds{0}}, {"b", Seconds{5}}}}}};
  const Route route = retry_route(kLadder, situation, 0, failed, Seconds{9}, Seconds{0});
  EXPECT_EQ(route.plan, 0U);
  EXPECT_EQ(route.machine_of.at("p"), "b");
}

TEST(RetryRoute, SaysWhichMachineIsGone) {
  const Route failed{1, {}, ""};
  EXPECT_EQ(
      retry_route(kLadder, {.dead = {"c"}, .load = {}}, 0, failed, Seconds{9}, Seconds{0}).reason,
      "c is gone");
  EXPECT_EQ(retry_route(kLadder, {}, 0, failed, Seconds{9}, Seconds{0}).reason, "refused");
}

TEST(MachinesOf, NamesThoseThatTheRouteCannotDoWithout) {
  using Names = std::set<std::string>;
  EXPECT_EQ(machines_of(kLadder, {0, {{"p", "b"}}, ""}), Names{"b"});
  EXPECT_EQ(machines_of(kLadder, {1, {}, ""}), Names{"c"});
  EXPECT_EQ(machines_of(kLadder, {3, {}, ""}), Names{});
  EXPECT_EQ(machines_of({plan_on("race", {"a", "b"}, Placement::kRace)}, {0, {}, ""}), Names{});
}

TEST(LocalAnswerTime, LeavesRoomForTheLocalAnswer) {
  EXPECT_NEAR(local_answer_time(Seconds{1}, Seconds{0.1}).count(), 0.885, 1e-12);
  EXPECT_EQ(local_answer_time(Seconds{1}, Seconds{5}), Seconds{0});
}

TEST(DeathTimeout, IsThreeLargestMessagesOnASlowLink) {
  EXPECT_DOUBLE_EQ(death_timeout(link_preset("wifi-100"), 150'000).count(), 0.3);
  const LinkProfile slow{.bandwidth = 8e3,
                         .latency = Seconds{0.5},
                         .headers = {.segment_bytes = 1 << 20, .header_bytes = 0}};
  EXPECT_DOUBLE_EQ(death_timeout(slow, 2000).count(), 3 * 2.5);
}

}  // namespace
}  // namespace isthmus
