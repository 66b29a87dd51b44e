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
