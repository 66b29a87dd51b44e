#include "serve/staging.h"

#include <gmock/gmock.h>

#include "serve/fixture.h"
#include "split/cut.h"

namespace isthmus {
namespace {

using namespace testing;

LoadedPlan over(const std::string& first, const std::string& second) {
  const std::vector<std::string> cut{"cut"};
  return place(cut_graph(small_network(), cut), {{"head", first}, {"tail", second}}, {},
               options_for().input);
}

TEST(Staging, ASourceThatComesLaterSendsNoWeights) {
  const auto agents = start_agents(2);
  const Cluster cluster = boards(agents);
  {
    Staging staging(cluster, {});
    staging.send(over("b0", "b1"));
    EXPECT_GT(staging.sent().at("b0"), 500);
    EXPECT_GT(staging.sent().at("b1"), 5000);
    const auto first = staging.sent();
    staging.send(over("b0", "b1"));
    EXPECT_EQ(staging.sent(), first) << "all of it is there";
    staging.send(over("b1", "b0"));
    EXPECT_GT(staging.sent().at("b0"), first.at("b0") + 5000);
    EXPECT_TRUE(staging.failures().empty());
  }
  Source source({over("b1", "b0")}, cluster, {.local_fallback = false});
  for (const char* machine : {"b0", "b1"})
    EXPECT_LT(source.deployed_bytes().at(machine), 3000) << "the plan, but no part";
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
}

TEST(Staging, NamesAMachineThatItDoesNotReachAndFillsTheOthers) {
  auto agents = start_agents(2);
  const Cluster cluster = boards(agents);
  agents[1].reset();
  Staging staging(cluster, {.connect_timeout = Seconds{0.2}, .security = {}});
  staging.send(over("b1", "b0"));
  EXPECT_GT(staging.sent().at("b0"), 5000);
  EXPECT_FALSE(staging.sent().contains("b1"));
  EXPECT_THAT(staging.failures().at("b1"), ::testing::HasSubstr(cluster.machine("b1").address));
}

}  // namespace
}  // namespace isthmus
