// Whose a source number is, on plans of several machines.
#include <set>

#include "core/error.h"
#include "serve/fixture.h"

namespace isthmus {
namespace {

using namespace testing;

// Ends a source as if it had been killed: no machine hears that its plans are over.
void kill_source(std::unique_ptr<Source> source, const Cluster& cluster) {
  std::set<std::string> machines;
  for (const Machine& machine : cluster.machines)
    if (machine.name != cluster.source) machines.insert(machine.name);
  for (const std::string& machine : machines) source->cut_link(machine, true);
  EXPECT_TRUE(eventually([&] {
    const Trace trace = source->trace();
    std::set<std::string> dead;
    for (const TraceEvent& event : trace.events)
      if (event.kind == "dead") dead.insert(event.machine);
    return dead == machines;
  }));
  source.reset();
}

Tensor four_numbers() { return Tensor::of<float>({1, 4}, std::vector<float>{-2, -1, 1, 2}); }

TEST(TakeOver, ASourceThatWasKilledHasItsNumberAgainOnEveryMachine) {
  // A chain; and boards that send to each other, of which none is left alone before the others.
  for (const int layers : {0, 1}) {
    SCOPED_TRACE(layers);
    const auto agents = start_agents(layers == 0 ? 2 : 3);
    const Cluster cluster = boards(agents);
    const LoadedPlan plan = sharded(layers);
    auto first = std::make_unique<Source>(std::vector{plan}, cluster, SourceOptions{.id = 1});
    ASSERT_EQ(first->ask({.input = four_numbers()}).record.outcome, Outcome::kAnswered);
    kill_source(std::move(first), cluster);
    Source second({plan}, cluster, {.id = 1});
    const auto answer = second.ask({.input = four_numbers()});
    EXPECT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
  }
}

TEST(TakeOver, WhatAKilledSourceLeftMakesRoomForAnotherPlan) {
  const auto big = [](std::uint64_t seed) {
    GraphBuilder net("big", {.seed = seed});
    const std::string x = net.input("x", {-1, 1000});
    net.output(net.gemm(x, 1000, "scores"));
    Partition partition{.name = "big", .parts = {{"all", net.build()}}};
    partition.edges = {{"", "x", "all", "x"}, {"all", "scores", "", "scores"}};
    PlanInput input;
    input.tensor = "x";
    input.shape = {1, 1000};
    return place(partition, {{"all", "b0"}}, {}, input);
  };
  const auto agents = start_agents(1);
  Cluster cluster = boards(agents);
  // For 4 MB of weights, not for 8.
  cluster.machines[1].memory = 7'000'000;
  kill_source(std::make_unique<Source>(std::vector{big(1)}, cluster, SourceOptions{.id = 1}),
              cluster);
  EXPECT_NO_THROW(Source({big(2)}, cluster, {.id = 1, .local_fallback = false}));
}

TEST(TakeOver, ASecondSourceOfOneNumberTakesNoMachineFromTheFirst) {
  const auto agents = start_agents(2);
  Source first({sharded(0)}, boards(agents), {.id = 1});
  ASSERT_EQ(first.ask({.input = four_numbers()}).record.outcome, Outcome::kAnswered);
  // The second board gets no frames from the source itself.
  EXPECT_THROW(Source({sharded(0)}, boards(agents), {.id = 1}), Error);
  const auto answer = first.ask({.input = four_numbers()});
  EXPECT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
}

}  // namespace
}  // namespace isthmus
