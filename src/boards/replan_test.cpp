#include "boards/replan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "boards/spread_search.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

// A few convolutions in a row: worth a stage on each of two boards.
NetworkUnderStudy convolutions() {
  GraphBuilder net("convolutions");
  std::string x = net.input("input", {-1, 3, 32, 32});
  for (int i = 0; i < 6; ++i)
    x = net.relu(net.conv(x, 16, {.kernel = {3}, .pad = {1}}), "relu" + std::to_string(i));
  net.output(net.gemm(net.flatten(net.global_average_pool(x)), 10, "logits"));
  NetworkUnderStudy network;
  network.name = "convolutions";
  network.graph = net.build();
  network.input = {.width = 32, .height = 32, .tensor = "input", .shape = {1, 3, 32, 32}};
  return network;
}

// A camera and three boards that are alike. A frame alone is fastest on one of them: the network
// between them is slow.
class ReplanOverBoards : public ::testing::Test {
 protected:
  ReplanOverBoards() {
    cluster.source = "camera";
    cluster.machines.push_back({.name = "camera"});
    for (const char* name : {"pi1", "pi2", "pi3"})
      cluster.machines.push_back({.name = name, .slowdown = 50, .slowdown_given = true});
    cluster.networks = {
        {.name = "lan", .machines = {}, .link = {.bandwidth = 1e7, .latency = Seconds{0.005}}}};
    running = spread_network(network, cluster, request, profile);
    board = running.pipeline.stages.at(0).machines.at(0);
  }

  Replan replan() { return make_replan(network, cluster, request, profile, running.plan); }
  // `times` what was predicted.
  Statistics measured(double times) const {
    Statistics statistics = unused(running.plan.plan);
    for (const PlacedPart& part : running.plan.plan.parts)
      for (const std::string& machine : part.machines) {
        PartStatistics& seen = statistics.machines[machine][part.name];
        seen.runs = 100;
        seen.mean =
            times * cluster.machine(machine).slowdown * profile.parts.at(part.sha256).median;
      }
    return statistics;
  }
  // Of a plan whose parts are held and have not run yet.
  static Statistics unused(const Plan& plan) {
    Statistics statistics{.plan = plan.name, .parts = plan.parts, .machines = {}};
    for (const PlacedPart& part : plan.parts)
      for (const std::string& machine : part.machines) statistics.machines[machine][part.name] = {};
    return statistics;
  }

  const NetworkUnderStudy network = convolutions();
  const SpreadRequest request{.objective = PipelineObjective::kLatency, .runs = 1, .frames = 50};
  Cluster cluster;
  Profile profile;
  SpreadResult running;
  // That has all of it.
  std::string board;
};

TEST_F(ReplanOverBoards, KeepsThePlanThatDoesWhatWasPredicted) {
  const Replan again = replan();
  EXPECT_FALSE(again(measured(1), {}));
  EXPECT_FALSE(again(measured(1.04), {})) << "runs waver by as much";
}

TEST_F(ReplanOverBoards, LeavesABoardThatIsSlowAndRemembersIt) {
  ASSERT_EQ(machines_of(running.plan.plan), std::set{board});
  const Replan again = replan();
  const auto other = again(measured(3), {});
  ASSERT_TRUE(other);
  EXPECT_FALSE(machines_of(other->plan).contains(board));
  // Nothing is known of the new plan yet.
  EXPECT_FALSE(again(unused(other->plan), {}));
}

TEST_F(ReplanOverBoards, RemembersTheSpeedOfABoardThatHoldsPartsAndHasRunNone) {
  const Replan again = replan();
  const auto other = again(measured(3), {});
  ASSERT_TRUE(other);
  std::set<std::string> all_but_it{"pi1", "pi2", "pi3"};
  all_but_it.erase(board);
  const auto back = again(unused(other->plan), all_but_it);
  ASSERT_TRUE(back);
  ASSERT_EQ(machines_of(back->plan), std::set{board});
  const auto away = again(unused(back->plan), {});
  ASSERT_TRUE(away);
  EXPECT_FALSE(machines_of(away->plan).contains(board));
}

TEST_F(ReplanOverBoards, DoesWithoutWhatDied) {
  const auto other = replan()(measured(1), {board});
  ASSERT_TRUE(other);
  EXPECT_FALSE(machines_of(other->plan).contains(board));
}

TEST_F(ReplanOverBoards, KeepsThePlanWhenAnIdleBoardDied) {
  const Replan again = replan();
  EXPECT_FALSE(again(measured(1), {board == "pi3" ? "pi2" : "pi3"}));
}

TEST_F(ReplanOverBoards, LearnsNothingFromAPlanThatItDoesNotKnow) {
  Statistics other = measured(3);
  other.parts.front().sha256 = "layers up to another boundary";
  const auto plan = replan()(other, {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(machines_of(plan->plan), machines_of(running.plan.plan));
}

TEST_F(ReplanOverBoards, KnowsThePlanThatRunsWhenAnotherWasRefused) {
  const Replan again = replan();
  ASSERT_TRUE(again(measured(3), {}));
  EXPECT_FALSE(again(measured(1), {})) << "it is fast again";
}

TEST(Without, TakesMachinesOutOfLinksAndNetworks) {
  Cluster cluster;
  cluster.source = "camera";
  for (const char* name : {"camera", "pi1", "pi2", "pi3"})
    cluster.machines.push_back({.name = name});
  cluster.networks.push_back({.name = "lan", .machines = {"camera", "pi1", "pi2", "pi3"}});
  cluster.links.push_back({.a = "pi1", .b = "pi2"});
  const Cluster rest = without(cluster, {"pi2"});
  EXPECT_EQ(rest.find("pi2"), nullptr);
  EXPECT_EQ(rest.machines.size(), 3U);
  EXPECT_TRUE(rest.links.empty());
  EXPECT_THAT(rest.networks[0].machines, testing::ElementsAre("camera", "pi1", "pi3"));
}

TEST(Without, LeavesNoNetworkWhoseMachinesAreGone) {
  Cluster cluster;
  cluster.source = "camera";
  for (const char* name : {"camera", "pi1", "pi2", "pi3"})
    cluster.machines.push_back({.name = name});
  cluster.networks.push_back({.name = "rack", .machines = {"pi1", "pi2"}});
  cluster.networks.push_back({.name = "lan", .machines = {}});
  const Cluster rest = without(cluster, {"pi1", "pi2"});
  ASSERT_EQ(rest.networks.size(), 1U);
  EXPECT_EQ(rest.networks[0].name, "lan") << "of all that are left";
}

}  // namespace
}  // namespace isthmus
