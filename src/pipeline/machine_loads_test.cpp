#include "pipeline/machine_loads.h"

#include <gtest/gtest.h>

#include <array>

#include "pipeline/random_pipelines.h"

namespace isthmus {
namespace {

// Two units of 4 s, without messages, on boards that are once and twice as slow.
struct TwoBoards {
  PipelineProblem problem{.units = {{.until = "a", .time = Seconds{4}, .weight_bytes = 1'000'000},
                                    {.until = "b", .time = Seconds{4}}}};
  Cluster cluster = boards({1, 2}, 8e6, 0);
  PipelineCosts costs{problem, cluster};
  std::array<Seat, 1> one = {Seat{.machine = index("board0")}};
  std::array<Seat, 1> other = {Seat{.machine = index("board1")}};
  std::array<SeatedStage, 2> stages = {SeatedStage{.first = 0, .last = 0, .seats = one},
                                       SeatedStage{.first = 1, .last = 1, .seats = other}};

  std::size_t index(const std::string& name) const {
    return static_cast<std::size_t>(&cluster.machine(name) - cluster.machines.data());
  }
};

TEST(MachineLoads, StopsAtALimit) {
  const TwoBoards two;
  MachineLoads loads(two.costs);
  EXPECT_FALSE(loads.add_up(two.stages, 8));
  EXPECT_FALSE(loads.not_held());
  EXPECT_FALSE(loads.not_linked());
  ASSERT_TRUE(loads.add_up(two.stages, 8.1));
  EXPECT_NEAR(loads.period(0), 4, 1e-3);
  EXPECT_NEAR(loads.period(1), 8, 1e-3);
  EXPECT_NEAR(loads.period(), 8, 1e-3);
}

TEST(MachineLoads, SaysWhichMachineHoldsNoMore) {
  TwoBoards two;
  Machine& small = two.cluster.machines[two.index("board0")];
  small.memory = 1'000'000;
  MachineLoads loads(two.costs);
  EXPECT_FALSE(loads.add_up(two.stages));
  ASSERT_TRUE(loads.not_held());
  EXPECT_EQ(loads.not_held()->stage, 0U);
  EXPECT_EQ(loads.not_held()->machine, two.index("board0"));
  EXPECT_GT(loads.not_held()->footprint, 1e6);
  small.memory = 0;
  EXPECT_TRUE(loads.add_up(two.stages));
  EXPECT_FALSE(loads.not_held());
}

TEST(MachineLoads, SaysWhichMachinesHaveNoLink) {
  const TwoBoards linked;
  Cluster cluster = linked.cluster;
  const auto joins = [](const ClusterLink& link) {
    return link.a.starts_with("board") && link.b.starts_with("board");
  };
  std::erase_if(cluster.links, joins);
  const PipelineCosts costs(linked.problem, cluster);
  MachineLoads loads(costs);
  EXPECT_FALSE(loads.add_up(linked.stages));
  ASSERT_TRUE(loads.not_linked());
  EXPECT_EQ(loads.not_linked()->from, linked.index("board0"));
  EXPECT_EQ(loads.not_linked()->to, linked.index("board1"));
}

}  // namespace
}  // namespace isthmus
