#include "pipeline/measured.h"

#include <gtest/gtest.h>

#include "pipeline/random_pipelines.h"

namespace isthmus {
namespace {

PipelineProblem chain(std::size_t units) {
  PipelineProblem problem;
  problem.in_bytes = 100;
  for (std::size_t i = 0; i < units; ++i)
    problem.units.push_back({.until = std::string(1, static_cast<char>('a' + i)),
                             .time = Seconds{1},
                             .weight_bytes = 10'000'000,
                             .out_bytes = 100});
  return problem;
}

ShardOption spatial_split(std::size_t first, std::size_t last) {
  return {.first = first,
          .last = last,
          .kind = "spatial",
          .most = 4,
          .time = {0.1, static_cast<double>(last - first + 1)}};
}

PipelineStage single(std::size_t first, std::size_t last, const std::string& machine) {
  return {.first = first, .last = last, .machines = {machine}, .shares = {1}};
}

PipelinePlan plan_of(std::vector<PipelineStage> stages) {
  PipelinePlan plan;
  plan.stages = std::move(stages);
  return plan;
}

TEST(WithMeasuredShards, LearnsWhatShardsTakeAndNothingOfTheirUnits) {
  PipelineProblem problem = chain(3);
  problem.shards = {spatial_split(0, 1), spatial_split(1, 1)};
  const PipelinePlan plan = plan_of({{.first = 0,
                                      .last = 1,
                                      .mode = StageMode::kShards,
                                      .option = 0,
                                      .machines = {"board0", "board1"},
                                      .shares = {0.75, 0.25}},
                                     single(2, 2, "board1")});
  // 1.6 s and 0.6 s were estimated.
  const PipelineProblem now =
      with_measured_shards(problem, plan, {{Seconds{3}, Seconds{1.4}}, {Seconds{7}}});
  EXPECT_DOUBLE_EQ(now.shards[0].time.fixed, 0.2);
  EXPECT_DOUBLE_EQ(now.shards[0].time.scaled, 4);
  EXPECT_DOUBLE_EQ(now.shards[1].time.scaled, 1);
  for (const PipelineUnit& unit : now.units) EXPECT_EQ(unit.time.count(), 1);
}

TEST(WithMeasuredShards, RefusesTimesOfAnotherPlan) {
  const PipelinePlan plan = plan_of({single(0, 1, "board0")});
  for (const StageTimes& times : {StageTimes{}, StageTimes{{Seconds{1}, Seconds{1}}}})
    EXPECT_THROW(with_measured_shards(chain(2), plan, times), Error);
}

TEST(KeepingMachines, LetsEachKeepItsEndOfTheNetwork) {
  const PipelinePlan kept = keeping_machines(
      chain(4), boards({1, 1, 1}), {{"board2", {0, 1}}, {"board0", {2, 3}}, {"gone", {0}}},
      plan_of({single(0, 0, "board0"), single(1, 1, "board1"), single(2, 3, "board2")}));
  EXPECT_EQ(kept.stages[0].machines[0], "board2");
  EXPECT_EQ(kept.stages[1].machines[0], "board1") << "the one that has nothing";
  EXPECT_EQ(kept.stages[2].machines[0], "board0");
  EXPECT_GT(kept.period.count(), 0);
}

TEST(KeepingMachines, ExchangesOnlyWhatIsAlike) {
  const UnitsOfMachines held{{"board0", {0, 1}}, {"board1", {2, 3}}};
  const PipelinePlan other = plan_of({single(0, 1, "board1"), single(2, 3, "board0")});
  EXPECT_EQ(keeping_machines(chain(4), boards({1, 2}), held, other).stages[0].machines[0],
            "board1");
  EXPECT_EQ(keeping_machines(chain(4), boards({1, 1}), held, other).stages[0].machines[0],
            "board0");
}

}  // namespace
}  // namespace isthmus
