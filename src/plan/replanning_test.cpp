#include "plan/replanning.h"

#include <gtest/gtest.h>

#include "plan/tiny_plans.h"

namespace isthmus {
namespace {

PartStatistics measured(double busy, std::int64_t runs = 100) {
  PartStatistics part;
  part.runs = runs;
  part.busy = Seconds{busy};
  return part;
}

TinyPlans three_boards() {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b", "c"}) tiny.machine(name);
  tiny.chain({"a", "b", "c"}, {0.1, 0.1, 0.1}, 100);
  return tiny;
}

TEST(MachineLoad, SumsUpThePartsOfAMachine) {
  TinyPlans tiny = three_boards();
  tiny.part("more", {"a"}, 0.1);
  tiny.cluster.machines[2].cores = 2;
  const Statistics statistics{
      .plan = "chain",
      .machines = {{"a", {{"part0", measured(0.1)}, {"more", measured(0.05)}}},
                   {"b", {{"part1", measured(0.3)}}},
                   {"c", {{"part2", measured(0.2)}}}}};
  const MachineLoad load = machine_load(tiny.plan, tiny.cluster, statistics, 10);
  EXPECT_NEAR(load.at("a").count(), 0.15, 1e-12);
  EXPECT_NEAR(load.at("b").count(), 0.15, 1e-12) << "two frames at once";
  EXPECT_NEAR(load.at("c").count(), 0.2, 1e-12);
}

TEST(MachineLoad, CountsReplicasByTheirShareOfTheFrames) {
  TinyPlans tiny;
  for (const char* name : {"camera", "a", "b"}) tiny.machine(name);
  tiny.part("p", {"a", "b"}, 0.1, Placement::kSpread);
  const Statistics statistics{
      .plan = "p",
      .machines = {{"a", {{"p", measured(0.1, 300)}}}, {"b", {{"p", measured(0.3, 100)}}}}};
  const MachineLoad load = machine_load(tiny.plan, tiny.cluster, statistics, 10);
  EXPECT_NEAR(load.at("a").count(), 0.075, 1e-12);
  EXPECT_NEAR(load.at("b").count(), 0.075, 1e-12);
}

TEST(MachineLoad, IsUnknownUntilEveryPartHasRunOften) {
  TinyPlans tiny = three_boards();
  Statistics statistics{
      .plan = "chain",
      .machines = {{"a", {{"part0", measured(0.1)}}}, {"b", {{"part1", measured(0.3)}}}}};
  EXPECT_TRUE(machine_load(tiny.plan, tiny.cluster, statistics, 10).empty());
  statistics.machines["c"]["part2"] = measured(0.2, 9);
  EXPECT_TRUE(machine_load(tiny.plan, tiny.cluster, statistics, 10).empty());
  statistics.machines["c"]["part2"].runs = 10;
  EXPECT_EQ(machine_load(tiny.plan, tiny.cluster, statistics, 10).size(), 3U);
}

TEST(WaitingFrames, AreTheMeanOverThePartsOfAMachine) {
  PartStatistics first = measured(0.1);
  first.waiting[0] = 6;
  first.waiting[4] = 2;
  PartStatistics second = measured(0.1);
  second.waiting[2] = 8;
  const Statistics statistics{
      .plan = "p", .machines = {{"a", {{"p", first}, {"q", second}}}, {"b", {{"p", measured(1)}}}}};
  const auto waiting = waiting_frames(statistics);
  EXPECT_DOUBLE_EQ(waiting.at("a"), (2 * 4 + 8 * 2) / 16.0);
  EXPECT_FALSE(waiting.contains("b")) << "no frame has come";
}

TEST(IsWorthReplanning, AsksWhereOneMachineHoldsUpTheOthers) {
  const auto load = [](double a, double b, double c) {
    return MachineLoad{{"a", Seconds{a}}, {"b", Seconds{b}}, {"c", Seconds{c}}};
  };
  EXPECT_FALSE(is_worth_replanning({}, {}, 0.2));
  EXPECT_FALSE(is_worth_replanning(load(0.1, 0.1, 0.1), {}, 0.2));
  EXPECT_FALSE(is_worth_replanning(load(0.1, 0.11, 0.12), {}, 0.2));
  EXPECT_TRUE(is_worth_replanning(load(0.1, 0.1, 0.2), {}, 0.2));
  // The planner knew that already.
  EXPECT_FALSE(is_worth_replanning(load(0.1, 0.1, 0.2), load(0.1, 0.1, 0.21), 0.2));
  EXPECT_TRUE(is_worth_replanning(load(0.1, 0.1, 0.3), load(0.1, 0.1, 0.2), 0.2));
  EXPECT_TRUE(is_worth_replanning(load(0.1, 0.1, 0.2), {{"a", Seconds{0.1}}}, 0.2));
}

// What part0 to part2 of three_boards() took.
Statistics runs_of(double a, double b, double c) {
  Statistics statistics{.plan = "chain"};
  const auto add = [&](const std::string& machine, const std::string& part, double mean) {
    statistics.machines[machine][part].runs = 100;
    statistics.machines[machine][part].mean = Seconds{mean};
  };
  add("a", "part0", a);
  add("b", "part1", b);
  add("c", "part2", c);
  return statistics;
}

Cluster with_speeds(const TinyPlans& tiny, const Statistics& statistics, double step) {
  return with_measured_speeds(tiny.cluster, tiny.plan, costs_of(tiny.plan, "camera", tiny.profile),
                              statistics, step);
}

TEST(WithMeasuredSpeeds, ScalesASlowdownByWhatThePartsTook) {
  TinyPlans tiny = three_boards();
  tiny.cluster.machines[1].slowdown = 10;
  // 100 ms ten times slower are one second; it took three.
  const Cluster now = with_speeds(tiny, runs_of(3, 0.1, 0), 0);
  EXPECT_NEAR(now.machine("a").slowdown, 30, 1e-9);
  EXPECT_NEAR(now.machine("b").slowdown, 1, 1e-9);
  EXPECT_EQ(now.machine("c").slowdown, 1) << "it took nothing";
  EXPECT_EQ(now.machine("camera").slowdown, 1) << "it ran nothing";
}

TEST(WithMeasuredSpeeds, LeavesSwappingAside) {
  TinyPlans tiny = three_boards();
  tiny.profile.parts["part0"].weight_bytes = 30'000'000;
  Machine& board = tiny.cluster.machines[1];
  board.slowdown = 10;
  board.memory = kRuntimeBytes + 10'000'000;
  board.swap_bandwidth = 20e6;
  // A second of work and one of swapping; the work took twice as long, or swapping less than it
  // should.
  EXPECT_NEAR(with_speeds(tiny, runs_of(3, 0.1, 0.1), 0).machine("a").slowdown, 20, 1e-9);
  EXPECT_EQ(with_speeds(tiny, runs_of(0.9, 0.1, 0.1), 0).machine("a").slowdown, 10);
}

TEST(WithMeasuredSpeeds, CountsAMachineOnceForAllItsParts) {
  TinyPlans tiny = three_boards();
  tiny.part("more", {"a"}, 0.2);
  Statistics statistics = runs_of(0.1, 0.1, 0.1);
  statistics.machines["a"]["more"] = {.runs = 100, .mean = Seconds{0.8}};
  EXPECT_NEAR(with_speeds(tiny, statistics, 0).machine("a").slowdown, 3, 1e-9);
}

TEST(WithMeasuredSpeeds, LeavesMachinesAlikeThatDifferByLessThanAStep) {
  const Cluster now = with_speeds(three_boards(), runs_of(0.094, 0.107, 0.3), 0.2);
  EXPECT_EQ(now.machine("a").slowdown, 1);
  EXPECT_EQ(now.machine("b").slowdown, 1);
  EXPECT_NEAR(now.machine("c").slowdown, 3, 0.3);
}

}  // namespace
}  // namespace isthmus
