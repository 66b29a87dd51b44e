#include <map>
#include <mutex>
#include <thread>

#include "serve/fixture.h"
#include "split/cut.h"

namespace isthmus {
namespace {

using namespace testing;

// A camera that cannot answer by itself, and three boards on one network.
class ThreeBoards : public ::testing::Test {
 protected:
  ThreeBoards() {
    cluster.source = "camera";
    cluster.machines.push_back({.name = "camera"});
    for (const char* name : {"a", "b", "c"}) {
      agents[name] = std::make_unique<Agent>(AgentOptions{});
      cluster.machines.push_back({.name = name, .address = agents[name]->address()});
    }
    cluster.networks = {{.name = "lan", .machines = {}, .link = {}}};
  }

  // The network's first layers on one board, the rest on another.
  static LoadedPlan over(const std::string& first, const std::string& second) {
    const std::vector<std::string> cut{"cut"};
    LoadedPlan plan = place(cut_graph(small_network(), cut), {{"head", first}, {"tail", second}},
                            {}, options_for().input);
    plan.plan.name = first + second;
    plan.plan.deadline = Seconds{20};
    return plan;
  }

  // Submits frames until `end` is called.
  void begin(Source& source) {
    camera = std::thread([&source, this] {
      while (!enough) {
        source.submit({.input = noise_image(1)},
                      [this](const FrameRecord& record, const Tensor& scores) {
                        const std::lock_guard lock(mutex);
                        ++answers[record.key.frame];
                        ++plans[record.plan];
                        EXPECT_EQ(record.outcome, Outcome::kAnswered) << record.reason;
                        EXPECT_TRUE(record.outcome != Outcome::kAnswered ||
                                    max_relative_difference(expected, scores) < 1e-4);
                      });
        ++submitted;
      }
    });
  }
  void end(Source& source) {
    enough = true;
    camera.join();
    EXPECT_TRUE(source.drain());
    EXPECT_EQ(static_cast<int>(answers.size()), submitted);
    for (const auto& [frame, count] : answers) EXPECT_EQ(count, 1) << frame;
  }
  bool answered_by(const std::string& plan) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return plans[plan] >= 20;
    });
  }

  Cluster cluster;
  std::map<std::string, std::unique_ptr<Agent>> agents;
  const Tensor expected = whole_answer(noise_image(1));
  std::mutex mutex;
  std::map<std::uint32_t, int> answers;
  std::map<std::string, int> plans;
  std::atomic<bool> enough = false;
  int submitted = 0;
  std::thread camera;
};

TEST_F(ThreeBoards, StagedPartsAreNotSentAgain) {
  Source source({over("a", "b")}, cluster, {.local_fallback = false});
  begin(source);
  EXPECT_TRUE(answered_by("ab"));
  const auto staged = source.stage({over("a", "c"), over("b", "a")});
  EXPECT_GT(staged.at("c"), 5000);
  EXPECT_GT(staged.at("b"), 500);
  EXPECT_GT(staged.at("a"), 5000);
  EXPECT_EQ(source.stage({over("a", "c"), over("b", "a")}).at("c"), 0);
  source.set_ladder({over("a", "c")});
  EXPECT_TRUE(answered_by("ac"));
  EXPECT_LT(source.deployed_bytes().at("c"), 3000) << "the plan, but no part";
  source.set_ladder({over("b", "a")});
  EXPECT_TRUE(answered_by("ba"));
  EXPECT_LT(source.deployed_bytes().at("a"), 3000);
  EXPECT_LT(source.deployed_bytes().at("b"), 3000);
  end(source);
}

TEST_F(ThreeBoards, MovesWorkFromABusyBoardAndFromADeadOne) {
  // Thirty times slower than it should be.
  cluster.machines[2].slowdown = 30;
  std::vector<std::set<std::string>> told;
  std::mutex told_mutex;
  const auto replan = [&](const Statistics& measured,
                          const std::set<std::string>& dead) -> std::optional<LoadedPlan> {
    const std::lock_guard lock(told_mutex);
    told.push_back(dead);
    if (dead.contains("c")) return over("a", "b");
    if (measured.plan != "ab") return std::nullopt;
    EXPECT_GT(measured.machines.at("b").at("tail").busy, measured.machines.at("a").at("head").busy);
    return over("a", "c");
  };
  Source source({over("a", "b")}, cluster,
                {.max_in_flight = 6,
                 .local_fallback = false,
                 .replan = replan,
                 .replan_interval = Seconds{0.2},
                 .replan_runs = 20});
  const std::int64_t tail_bytes = source.deployed_bytes().at("b");
  source.stage({over("a", "c")});
  begin(source);
  EXPECT_TRUE(answered_by("ac")) << "b holds up a";
  EXPECT_LT(source.deployed_bytes().at("c"), 3000);
  {
    const std::lock_guard lock(mutex);
    plans["ab"] = 0;
  }
  agents["c"].reset();
  EXPECT_TRUE(answered_by("ab")) << "b still has the part that c had";
  EXPECT_LT(source.deployed_bytes().at("b"), tail_bytes / 2);
  end(source);
  std::vector<std::string> changes;
  for (const TraceEvent& event : source.trace().events)
    if (event.kind == "plan") changes.push_back(event.detail);
  EXPECT_EQ(changes, (std::vector<std::string>{"ac", "ab"}));
  const auto events = source.trace().events;
  const auto of_kind = [&](const std::string& kind) {
    return std::ranges::count(events, kind, &TraceEvent::kind);
  };
  EXPECT_GE(of_kind("replan"), 2);
  EXPECT_GE(of_kind("dead"), 1);
}

TEST_F(ThreeBoards, LosesFramesAtTheirDeadlineWhereThePlannerKnowsNoPlan) {
  LoadedPlan plan = over("a", "b");
  plan.plan.deadline = Seconds{1};
  Source source(
      {plan}, cluster,
      {.local_fallback = false, .replan = [](const Statistics&, const std::set<std::string>&) {
         return std::optional<LoadedPlan>();
       }});
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  agents["b"].reset();
  const auto answer = source.ask({.input = noise_image(1)});
  EXPECT_EQ(answer.record.outcome, Outcome::kLost);
  EXPECT_LT(answer.record.capture_to_output.count(), 3);
}

}  // namespace
}  // namespace isthmus
