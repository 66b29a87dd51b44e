#include "plan/planner.h"

#include <gtest/gtest.h>

#include "codec/frame.h"
#include "core/error.h"
#include "plan/tiny_plans.h"

namespace isthmus {
namespace {

double payload(std::size_t size) { return static_cast<double>(size - kFrameHeaderBytes); }

// Local: 1 s. Server: 0.1 s and a message of a tenth of a second (at 8 Mb/s) each way.
struct Choices {
  TinyPlans tiny;
  std::vector<LoadedPlan> plans;

  explicit Choices(double bandwidth = 8e6) {
    tiny.machine("camera", 10);
    tiny.machine("server");
    tiny.link("camera", "server", bandwidth, 0);
    tiny.cluster.machines[0].power = {.idle = 1, .compute = 5, .transmit = 2, .source = "test"};
    add("local", "camera");
    add("raw", "server");
  }

  void add(const std::string& name, const std::string& machine) {
    tiny.plan = {};
    tiny.chain({machine}, {0.1}, payload(100'000));
    tiny.plan.name = name;
    plans.push_back({.plan = tiny.plan, .parts = {}, .tables = {}});
  }

  Decision choose(Objective objective = Objective::kLatency) const {
    return isthmus::choose(plans, tiny.cluster, tiny.profile, objective);
  }
};

std::vector<std::string> names(const Decision& decision) {
  std::vector<std::string> list;
  for (const Candidate& candidate : decision.candidates) list.push_back(candidate.plan.plan.name);
  return list;
}

using Names = std::vector<std::string>;

TEST(Choose, FollowsTheLink) {
  EXPECT_EQ(names(Choices(8e6).choose()), (Names{"raw", "local"}));
  EXPECT_EQ(names(Choices(8e5).choose()), (Names{"local", "raw"}));
}

TEST(Choose, FollowsTheObjective) {
  const Choices slow(1.7e6);
  EXPECT_EQ(names(slow.choose(Objective::kLatency)), (Names{"local", "raw"}));
  EXPECT_EQ(names(slow.choose(Objective::kEnergy)), (Names{"raw", "local"}));
  EXPECT_EQ(names(slow.choose(Objective::kBytes)), (Names{"local", "raw"}));
}

TEST(Choose, SaysWhyTheOthersLost) {
  const Decision decision = Choices().choose();
  EXPECT_EQ(decision.best, 0U);
  EXPECT_EQ(decision.candidates[1].why,
            "700 ms slower than raw: 900 ms more part0, 200 ms less network");
  EXPECT_EQ(decision.candidates[0].why, "fastest; local is next, 700 ms slower");
  EXPECT_NEAR(decision.candidates[0].plan.plan.predicted->total.count(), 0.3, 1e-9);
  EXPECT_NE(
      Choices().choose(Objective::kBytes).candidates[1].why.find("200 kB a frame more than local"),
      std::string::npos);
}

TEST(Choose, PutsTheImpossibleLastAndSaysWhy) {
  Choices choices;
  choices.add("nowhere", "nobody");
  choices.tiny.cluster.machines[1].memory = 1'000'000;
  Decision decision = choices.choose();
  EXPECT_EQ(names(decision), (Names{"local", "raw", "nowhere"}));
  EXPECT_FALSE(decision.candidates[1].feasible);
  EXPECT_EQ(decision.candidates[1].why, "server would need 72.4 MB of its 1.00 MB")
      << "64 messages of 100 kB may wait";
  EXPECT_NE(decision.candidates[2].why.find("nobody"), std::string::npos);
  EXPECT_EQ(decision.candidates[0].why, "the only one that is possible");
  for (LoadedPlan& plan : choices.plans) plan.plan.deadline = Seconds{0.5};
  try {
    choices.choose();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    const std::string message = error.what();
    EXPECT_NE(message.find("local: 1.00 s is over the deadline of 500 ms"), std::string::npos)
        << message;
    EXPECT_NE(message.find("nobody"), std::string::npos) << message;
  }
  EXPECT_THROW(choose({}, choices.tiny.cluster, {}, Objective::kLatency), Error);
}

}  // namespace
}  // namespace isthmus
