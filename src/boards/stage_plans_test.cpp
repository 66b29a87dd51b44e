#include "boards/stage_plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "boards/replan.h"
#include "boards/spread_search.h"
#include "lab/tiny_network.h"
#include "serve/agent.h"
#include "serve/source.h"

namespace isthmus {
namespace {

// A camera and boards that are agents in this process.
class StagePlans : public ::testing::Test {
 protected:
  void start(int count) {
    cluster.source = "camera";
    cluster.machines.push_back({.name = "camera"});
    for (int i = 1; i <= count; ++i) {
      agents.push_back(std::make_unique<Agent>(AgentOptions{}));
      cluster.machines.push_back({.name = "pi" + std::to_string(i),
                                  .address = agents.back()->address(),
                                  .slowdown = 200,
                                  .slowdown_given = true});
    }
    cluster.networks = {{.name = "lan", .machines = {}, .link = {.bandwidth = 1e9}}};
  }

  LoadedPlan plan() { return spread_network(network, cluster, request, profile).plan; }
  StagedPlans stage() {
    return stage_plans(plan(), network, cluster, request, profile,
                       {.connect_timeout = Seconds{1}, .security = {}});
  }

  const NetworkUnderStudy network = tiny_network();
  const SpreadRequest request{.runs = 1, .rounds = 0};
  std::vector<std::unique_ptr<Agent>> agents;
  Cluster cluster;
  Profile profile;
};

TEST_F(StagePlans, LeaveNothingToSendForThePlanWithoutAnyBoard) {
  start(3);
  const StagedPlans staged = stage();
  EXPECT_EQ(staged.sent.size(), 3U);
  EXPECT_TRUE(staged.unreachable.empty());
  EXPECT_TRUE(staged.no_plan_without.empty());
  Staging again(cluster, {});
  const LoadedPlan running = plan();
  again.send(running);
  for (const char* board : {"pi1", "pi2", "pi3"})
    again.send(
        spread_again(network, without(cluster, {board}), request, running.plan, profile).plan);
  for (const auto& [machine, bytes] : again.sent()) EXPECT_EQ(bytes, 0) << machine;
}

TEST_F(StagePlans, SayWhereThereIsNoOtherPlan) {
  start(1);
  const StagedPlans staged = stage();
  EXPECT_GT(staged.sent.at("pi1"), 0);
  EXPECT_EQ(staged.no_plan_without.count("pi1"), 1U);
}

TEST_F(StagePlans, NameBoardsThatAreNotThere) {
  start(2);
  agents[1].reset();
  const StagedPlans staged = stage();
  EXPECT_GT(staged.sent.at("pi1"), 0);
  EXPECT_THAT(staged.unreachable.at("pi2"), testing::HasSubstr("pi2"));
}

}  // namespace
}  // namespace isthmus
