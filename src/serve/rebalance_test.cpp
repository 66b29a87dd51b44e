#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "serve/agent_client.h"
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
  Tensor expected = whole_answer(noise_image(1));
  std::mutex mutex;
  std::map<std::uint32_t, int> answers;
  std::map<std::string, int> plans;
  std::atomic<bool> enough = false;
  std::atomic<int> submitted = 0;
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

TEST_F(ThreeBoards, WatchesTheRungThatRunsWhateverTheOthersAreCalled) {
  LoadedPlan second = over("a", "b");
  second.plan.name = over("a", "c").plan.name;
  cluster.machines[2].slowdown = 30;
  agents["c"].reset();
  Source source({over("a", "c"), second}, cluster,
                {.max_in_flight = 6,
                 .local_fallback = false,
                 .connect_timeout = Seconds{0.5},
                 .replan = [](const Statistics&,
                              const std::set<std::string>&) { return std::optional<LoadedPlan>(); },
                 .replan_interval = Seconds{0.2},
                 .replan_runs = 20});
  EXPECT_EQ(source.statistics().parts, second.plan.parts);
  begin(source);
  EXPECT_TRUE(eventually([&] {
    const auto events = source.trace().events;
    return std::ranges::any_of(events, [](const TraceEvent& event) {
      return event.kind == "replan" && event.detail.starts_with("b takes");
    });
  })) << "b holds up a";
  end(source);
}

TEST_F(ThreeBoards, ASourceThatDoesNotStartLeavesNoPlanBehind) {
  agents["b"].reset();
  EXPECT_THROW(
      Source({over("a", "b")}, cluster, {.local_fallback = false, .connect_timeout = Seconds{0.5}}),
      Error);
  EXPECT_EQ(AgentClient("a", agents["a"]->address(), {}).stats().parts_size(), 0);
}

TEST_F(ThreeBoards, ABoardThatIsNotThereAtTheBeginningIsPlannedAround) {
  agents["b"].reset();
  Source source({over("a", "b")}, cluster,
                {.local_fallback = false,
                 .connect_timeout = Seconds{0.5},
                 .replan = [](const Statistics&, const std::set<std::string>& dead) {
                   return dead.contains("b") ? std::optional(over("a", "c")) : std::nullopt;
                 }});
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.plan, "ac");
}

TEST_F(ThreeBoards, BoardsThatAreNotThereEitherArePlannedAroundToo) {
  cluster.machines.push_back({.name = "d", .address = agents["c"]->address()});
  cluster.machines[3].address = "127.0.0.1:1";
  agents["b"].reset();
  std::vector<std::set<std::string>> told;
  Source source({over("a", "b")}, cluster,
                {.local_fallback = false,
                 .connect_timeout = Seconds{0.5},
                 .replan = [&](const Statistics&, const std::set<std::string>& dead) {
                   told.push_back(dead);
                   return std::optional(over("a", dead.contains("c") ? "d" : "c"));
                 }});
  EXPECT_EQ(told, (std::vector<std::set<std::string>>{{"b"}, {"b", "c"}}));
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.plan, "ad");
}

TEST_F(ThreeBoards, FramesThatWaitForAPlanGoOnWhenTheBoardIsBack) {
  Source source(
      {over("a", "b")}, cluster,
      {.local_fallback = false, .replan = [](const Statistics&, const std::set<std::string>&) {
         return std::optional<LoadedPlan>();
       }});
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  source.cut_link("b", true);
  EXPECT_TRUE(eventually(
      [&] { return std::ranges::count(source.trace().events, "dead", &TraceEvent::kind) > 0; }));
  begin(source);
  EXPECT_TRUE(eventually([&] { return submitted > 0; }));
  source.cut_link("b", false);
  EXPECT_TRUE(answered_by("ab")) << "their deadline is 20 s";
  end(source);
}

TEST_F(ThreeBoards, ASourceWhosePlannerKnowsNoPlanAtTheBeginningDoesNotStart) {
  agents["b"].reset();
  const auto knows_none = [](const Statistics&, const std::set<std::string>&) {
    return std::optional<LoadedPlan>();
  };
  try {
    Source({over("a", "b")}, cluster,
           {.local_fallback = false, .connect_timeout = Seconds{0.5}, .replan = knows_none});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(cluster.machine("b").address));
  }
  EXPECT_EQ(AgentClient("a", agents["a"]->address(), {}).stats().parts_size(), 0);
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

// 3x32x32 -> 16 scores by way of 32 thousand values: 2 MB of weights before "wide" and behind it.
Graph wide_network() {
  GraphBuilder net("wide", {.seed = 1});
  std::string x = net.input("image", {-1, 3, 32, 32});
  x = net.relu(net.conv(x, 16, {.kernel = {3}, .stride = {2}, .pad = {1}}));
  x = net.flatten(net.global_average_pool(x));
  x = net.relu(net.gemm(x, 32'000), "wide");
  net.output(net.gemm(x, 16, "scores"));
  return net.build();
}

// Boards that hold one half of the wide network, and not two.
class SmallBoards : public ThreeBoards {
 protected:
  SmallBoards() {
    for (Machine& machine : cluster.machines)
      if (machine.name != "camera") machine.memory = 3'500'000;
  }

  static LoadedPlan halves(const std::string& first, const std::string& second) {
    const std::vector<std::string> cut{"wide"};
    LoadedPlan plan = place(cut_graph(wide_network(), cut), {{"head", first}, {"tail", second}}, {},
                            options_for().input);
    plan.plan.name = first + second;
    plan.plan.deadline = Seconds{20};
    return plan;
  }
  static Tensor wide_answer() {
    const std::vector<Tensor> inputs{normalise(noise_image(1), {})};
    return make_engine(wide_network())->run(inputs)[0];
  }
  static int count(const Source& source, const std::string& kind) {
    const auto events = source.trace().events;
    return static_cast<int>(std::ranges::count(events, kind, &TraceEvent::kind));
  }
};

TEST_F(SmallBoards, APlanThatLostABoardMakesRoomForTheNext) {
  expected = wide_answer();
  const auto replan = [](const Statistics&, const std::set<std::string>& dead) {
    return dead.contains("a") ? std::optional(halves("b", "c")) : std::nullopt;
  };
  Source source({halves("a", "b")}, cluster, {.local_fallback = false, .replan = replan});
  begin(source);
  EXPECT_TRUE(answered_by("ab"));
  agents["a"].reset();
  EXPECT_TRUE(answered_by("bc")) << "b had no room for the new part beside the old";
  end(source);
  EXPECT_EQ(count(source, "undeploy"), 1);
}

TEST_F(SmallBoards, APlanThatWorksMakesRoomWhereTwoDoNotFit) {
  expected = wide_answer();
  Source source({halves("a", "b")}, cluster, {.local_fallback = false});
  begin(source);
  EXPECT_TRUE(answered_by("ab"));
  source.set_ladder({halves("b", "a")});
  EXPECT_TRUE(answered_by("ba"));
  EXPECT_EQ(count(source, "undeploy"), 1);
  source.set_ladder({halves("b", "c")});
  EXPECT_TRUE(answered_by("bc"));
  EXPECT_EQ(count(source, "undeploy"), 1) << "both fit";
  end(source);
}

TEST_F(SmallBoards, APlanThatDoesNotFitAtAllLeavesTheOldOne) {
  expected = wide_answer();
  Source source({halves("a", "b")}, cluster, {.local_fallback = false});
  begin(source);
  EXPECT_TRUE(answered_by("ab"));
  EXPECT_THROW(source.set_ladder({halves("c", "c")}), Error);
  {
    const std::lock_guard lock(mutex);
    plans["ab"] = 0;
  }
  EXPECT_TRUE(answered_by("ab"));
  end(source);
}

}  // namespace
}  // namespace isthmus
