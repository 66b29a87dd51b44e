#include <algorithm>
#include <set>

#include "serve/agent_client.h"
#include "serve/fixture.h"

namespace isthmus {
namespace {

using namespace testing;

Cluster star(const std::string& first, const std::string& second) {
  Cluster cluster;
  cluster.machines = {{.name = "camera"},
                      {.name = "first", .address = first},
                      {.name = "second", .address = second}};
  for (const char* a : {"camera", "first"})
    for (const char* b : {"first", "second"})
      if (std::string(a) != b) cluster.links.push_back({.a = a, .b = b, .up = {}, .down = {}});
  cluster.source = "camera";
  return cluster;
}

// The whole network on either of two machines.
LoadedPlan twofold(Placement placement) {
  LoadedPlan plan = offload_plan(small_network(), "small", "raw", options_for("camera", "first"));
  plan.plan.parts[0].placement = placement;
  plan.plan.parts[0].machines = {"first", "second"};
  return plan;
}

std::int64_t frames_of(const Agent& agent) {
  return AgentClient("x", agent.address(), {}).stats().counters().at("frames");
}

TEST(Placement, FramesAreSpreadAndOneMachineIsEnough) {
  Agent first({});
  auto second = std::make_unique<Agent>(AgentOptions{});
  Source source({twofold(Placement::kSpread)}, star(first.address(), second->address()),
                {.deadline = Seconds{5}});
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  EXPECT_GT(frames_of(first), 0);
  EXPECT_GT(frames_of(*second), 0);
  second.reset();
  for (int i = 0; i < 20; ++i) {
    const auto answer = source.ask({.input = noise_image(1)});
    EXPECT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
    EXPECT_LT(max_relative_difference(whole_answer(noise_image(1)), answer.scores), 1e-5);
  }
}

TEST(Placement, TheStandbyIsUsedWhenTheFirstIsGone) {
  auto first = std::make_unique<Agent>(AgentOptions{});
  Agent second({});
  Source source({twofold(Placement::kStandby)}, star(first->address(), second.address()),
                {.deadline = Seconds{5}});
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  EXPECT_EQ(frames_of(second), 0);
  first.reset();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  EXPECT_GT(frames_of(second), 0);
}

TEST(Placement, OfARaceTheFirstAnswerCounts) {
  Agent first({});
  auto second = std::make_unique<Agent>(AgentOptions{});
  Source source({twofold(Placement::kRace)}, star(first.address(), second->address()),
                {.deadline = Seconds{5}});
  std::atomic<int> answers = 0;
  for (int i = 0; i < 20; ++i)
    source.submit({.input = noise_image(1)}, [&](const FrameRecord&, const Tensor&) { ++answers; });
  EXPECT_TRUE(source.drain());
  EXPECT_EQ(answers, 20);
  EXPECT_TRUE(eventually([&] { return frames_of(first) == 20 && frames_of(*second) == 20; }));
  second.reset();
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
}

// x -> left (first), right (second) -> sum, at the source or at the first machine.
LoadedPlan diamond(const std::string& merge_machine) {
  Partition partition{
      .name = "diamond",
      .parts = {one_node_part("left", "Relu", {"x"}), one_node_part("right", "Neg", {"x"}),
                one_node_part("sum", "Add", {"a", "b"})},
      .edges = {{"", "x", "left", "x"},
                {"", "x", "right", "x"},
                {"left", "left_out", "sum", "a"},
                {"right", "right_out", "sum", "b"},
                {"sum", "sum_out", "", "scores"}}};
  PlanInput input;
  input.tensor = "x";
  input.shape = {1, 4};
  return place(partition, {{"left", "first"}, {"right", "second"}, {"sum", merge_machine}}, {},
               input);
}

TEST(Placement, BranchesMeetWhereverTheMergeIs) {
  Agent first({});
  Agent second({});
  const Tensor x = Tensor::of<float>({1, 4}, std::vector<float>{-2, -1, 1, 2});
  for (const char* machine : {"camera", "first"}) {
    SCOPED_TRACE(machine);
    Source source({diamond(machine)}, star(first.address(), second.address()));
    for (int i = 0; i < 10; ++i) {
      const auto answer = source.ask({.input = x});
      ASSERT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
      const auto values = answer.scores.values<float>();
      EXPECT_EQ(std::vector<float>(values.begin(), values.end()), (std::vector<float>{2, 1, 0, 0}));
    }
    EXPECT_TRUE(eventually([&] {
      std::set<std::string> parts;
      const Trace trace = source.trace();
      for (const Span& span : trace.frames.back().spans)
        if (span.kind == SpanKind::kRun) parts.insert(span.what);
      return parts == std::set<std::string>{"left", "right", "sum"};
    })) << "every branch reports its spans";
  }
}

TEST(Placement, AFrameMayComeToAMachineAgainAndAgain) {
  const auto agents = start_agents(3);
  const Tensor x = Tensor::of<float>({1, 4}, std::vector<float>{-2, -1, 1, 2});
  Source source({sharded(3)}, boards(agents), {.deadline = Seconds{10}, .local_fallback = false});
  for (int i = 0; i < 10; ++i) {
    const auto answer = source.ask({.input = x});
    ASSERT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
    const auto values = answer.scores.values<float>();
    EXPECT_EQ(std::vector<float>(values.begin(), values.end()),
              (std::vector<float>{0, 0, -8, -16}));
  }
  EXPECT_TRUE(eventually([&] {
    std::set<std::string> parts;
    const Trace trace = source.trace();
    for (const Span& span : trace.frames.back().spans)
      if (span.kind == SpanKind::kRun) parts.insert(span.what);
    return parts.size() == 11;
  })) << "every part reports its run";
}

// Far more frames than any board has room for. With one count for all edges between two boards the
// first of them stand still: what b0 sends to b1 waits for what b1 sends to b0.
TEST(Placement, ManyFramesPassBoardsThatServeSeveralStages) {
  std::vector<std::unique_ptr<Agent>> agents;
  for (int i = 0; i < 3; ++i) {
    AgentOptions options;
    options.queue = 1;
    agents.push_back(std::make_unique<Agent>(std::move(options)));
  }
  Source source({sharded(4)}, boards(agents),
                {.max_in_flight = 30, .deadline = Seconds{10}, .local_fallback = false});
  const Tensor x = Tensor::of<float>({1, 4}, std::vector<float>{-2, -1, 1, 2});
  constexpr int kFrames = 200;
  std::atomic<int> answered = 0;
  std::atomic<int> lost = 0;
  for (int i = 0; i < kFrames; ++i)
    source.submit({.input = x}, [&](const FrameRecord& frame, const Tensor&) {
      ++(frame.outcome == Outcome::kAnswered ? answered : lost);
    });
  EXPECT_TRUE(eventually([&] { return answered + lost == kFrames; }, Seconds{30}));
  EXPECT_EQ(answered, kFrames);
}

// The parts of a local answer wait for one another as those on boards do.
TEST(Placement, ALocalAnswerInManyPartsMayComeLate) {
  const auto agents = start_agents(3);
  Source source({sharded(2)}, boards(agents), {.max_in_flight = 10, .deadline = Seconds{1e-6}});
  const Tensor x = Tensor::of<float>({1, 4}, std::vector<float>{-2, -1, 1, 2});
  constexpr int kFrames = 20;
  std::atomic<int> answered = 0;
  for (int i = 0; i < kFrames; ++i)
    source.submit({.input = x}, [&](const FrameRecord& frame, const Tensor&) {
      answered += frame.outcome == Outcome::kAnsweredLocally;
    });
  EXPECT_TRUE(eventually([&] { return answered == kFrames; }));
}

TEST(Placement, MessagesThroughOneInterfaceTakeTurns) {
  const auto agents = start_agents(3);
  // A message of four numbers takes 40 ms.
  const std::int64_t on_air = bytes_on_air(16 + 28, {});
  const LinkProfile link{.name = "slow",
                         .bandwidth = 8.0 * static_cast<double>(on_air) / 0.04,
                         .latency = Seconds{0.001},
                         .trace = nullptr};
  Source source({sharded(1)}, boards(agents, link), {.deadline = Seconds{20}});
  const auto answer =
      source.ask({.input = Tensor::of<float>({1, 4}, std::vector<float>{-2, -1, 1, 2})});
  ASSERT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
  const auto sent = [&](const std::string& edge) {
    for (const Span& span : answer.record.spans)
      if (span.kind == SpanKind::kSend && span.what == edge) return span.duration.count();
    return 0.0;
  };
  EXPECT_NEAR(sent("first:first_out->left0:x"), 0.041, 0.01);
  EXPECT_NEAR(sent("first:first_out->right0:x"), 0.081, 0.01);
  // In, both shards, back, the last part, and the answer's two hops.
  EXPECT_GT(answer.record.capture_to_output.count(), 7 * 0.04);
}

// A chain of boards that ends in a fan-out, of which the camera reaches the first only.
TEST(Placement, BranchesMayBeginBehindTheFirstMachine) {
  const auto agents = start_agents(3);
  Cluster cluster = boards(agents);
  cluster.networks[0].machines = {"b0", "b1", "b2"};
  cluster.links = {{.a = "camera", .b = "b0", .up = {}, .down = {}}};
  LoadedPlan plan = sharded(1);
  for (PlacedPart& part : plan.plan.parts)
    if (part.name == "sum0") part.machines = {"b2"};
  const Tensor x = Tensor::of<float>({1, 4}, std::vector<float>{-2, -1, 1, 2});
  Source source({plan}, cluster, {.deadline = Seconds{10}, .local_fallback = false});
  for (int i = 0; i < 10; ++i) {
    const auto answer = source.ask({.input = x});
    ASSERT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
    EXPECT_FLOAT_EQ(answer.scores.values<float>()[3], -4);
  }
}

}  // namespace
}  // namespace isthmus
