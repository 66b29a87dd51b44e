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

}  // namespace
}  // namespace isthmus
