#include "serve/flow_node.h"

#include <cstring>

#include "serve/fixture.h"
#include "serve/flow_fakes.h"
#include "serve/held_parts.h"
#include "serve/receive_cost.h"

namespace isthmus {
namespace {

using namespace testing;

// Adds its two inputs, and says how sure it is of the first.
class Adder final : public Engine {
 public:
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    ++runs;
    const float a = inputs[0].values<float>()[0];
    const float b = inputs[1].values<float>()[0];
    return {Tensor::of<float>({1, 1}, std::vector<float>{a + b}),
            Tensor::of<float>({1, 1}, std::vector<float>{a})};
  }
  void evict_weights() override { ++evictions; }
  int runs = 0;
  int evictions = 0;

 private:
  std::vector<TensorSpec> inputs_{{"a", DType::kF32, {1, 1}}, {"b", DType::kF32, {1, 1}}};
  std::vector<TensorSpec> outputs_{{"sum", DType::kF32, {1, 1}}, {"sure", DType::kF32, {1, 1}}};
};

// left and right (on other machines) -> merge (here) -> tail (on another), with an exit at the
// merge.
std::shared_ptr<const Deployment> merge_deployment(std::optional<Seconds> wait_for_b, bool gated,
                                                   const Machine& as = {}) {
  Plan plan;
  plan.name = "merge";
  plan.parts = {{.name = "left", .machines = {"left"}},
                {.name = "right", .machines = {"right"}},
                {.name = "merge", .machines = {"here"}},
                {.name = "tail", .machines = {"next"}}};
  plan.edges = {{.edge = {"", "x", "left", "x"}},
                {.edge = {"", "x", "right", "x"}},
                {.edge = {"left", "y", "merge", "a"}},
                {.edge = {"right", "y", "merge", "b"},
                 .required = !wait_for_b,
                 .wait = wait_for_b.value_or(Seconds{0})},
                {.edge = {"merge", "sum", "", "early"}},
                {.edge = {"merge", "sum", "tail", "x"}},
                {.edge = {"tail", "y", "", "scores"}}};
  if (gated) plan.gates = {{.part = "merge", .confidence = "sure", .threshold = 5, .exit = "sum"}};
  if (!gated) plan.edges.erase(plan.edges.begin() + 4);
  auto held = std::make_shared<HeldPart>();
  held->name = "merge";
  held->engine = std::make_unique<Adder>();
  held->memory = {.weight_bytes = 30'000'000};
  DeploymentSpec spec{.id = {1, 1},
                      .plan = plan,
                      .machines = {"camera", "left", "right", "here", "next"},
                      .self = "here",
                      .source = "camera",
                      .edges = std::vector<EdgeTensor>(plan.edges.size(), {DType::kF32, {1, 1}}),
                      .held = {{"merge", held}},
                      .as = as};
  return make_deployment(std::move(spec));
}

float number_of(const FlowMessage& message) {
  float value = 0;
  EXPECT_EQ(message.payload.size(), sizeof(value));
  std::memcpy(&value, message.payload.bytes().data(), sizeof(value));
  return value;
}

const Adder& adder_of(const Deployment& deployment) {
  return dynamic_cast<const Adder&>(*deployment.parts[2].held->engine);
}

TEST(FlowNode, KnowsWhatAnEmulatedMachinePaysBeforeItsFirstFrame) {
  FakeHops hops;
  const auto deployment = merge_deployment(std::nullopt, /*gated=*/false);
  FlowNode node({.emulation = {.slowdown = 10, .weights_from_memory = true}}, hops, system_clock());
  node.deploy(deployment);
  EXPECT_TRUE(deployment->parts[2].held->least_run.is_warm(1));
  EXPECT_EQ(adder_of(*deployment).evictions, adder_of(*deployment).runs);
  // From "left" to here; the source's message to "left" is none of this machine's.
  EXPECT_TRUE(deployment->edges[2].cost->decode);
  EXPECT_FALSE(deployment->edges[0].cost->decode);
}

// Of a picture whose bytes tell what it takes; a JPEG file's do not.
TEST(FlowNode, KnowsWhatPicturesTakeThatItMakesItsInputFrom) {
  for (const auto& [codec, known] : {std::pair{"raw", true}, std::pair{"jpeg:75", false}}) {
    const LoadedPlan plan = offload_plan(small_network(), "small", codec, options_for());
    const PlacedPart& part = plan.plan.parts.at(0);
    HeldParts parts;
    const auto deployment = make_deployment(
        {.id = {1, 1},
         .plan = plan.plan,
         .machines = {"camera", "edge"},
         .self = "edge",
         .source = "camera",
         .edges = edge_tensors(plan),
         .held = {{part.name, parts.hold(part.name, "hash", small_network(), /*memory=*/0)}}});
    FakeHops hops;
    FlowNode node({.emulation = {.slowdown = 10}}, hops, system_clock());
    node.deploy(deployment);
    ASSERT_TRUE(deployment->edges[0].image);
    EXPECT_EQ(deployment->edges[0].cost->decode.has_value(), known) << codec;
  }
}

// 20 MB more than it has.
TEST(FlowNode, PaysForSwappingWhereItIsEmulated) {
  Machine board{.slowdown = 10, .memory = kRuntimeBytes + 10'000'000, .swap_bandwidth = 100e6};
  const auto deployment = merge_deployment(std::nullopt, /*gated=*/false, board);
  EXPECT_NEAR(deployment->parts[2].swap.count(), 0.2, 1e-9);
  ManualClock clock;
  FakeHops hops;
  FlowNode node({.emulation = {.slowdown = 10, .weights_from_memory = true}}, hops, clock);
  node.deploy(deployment);
  const auto from = std::make_shared<FakeReturn>(false);
  for (const std::uint16_t edge : {2, 3})
    node.receive({.message = number(1, edge, 7), .tensor = {}, .trailer = {}}, from);
  ASSERT_TRUE(eventually([&] { return !hops.sent().empty(); }));
  const double waited = clock.now().count();
  EXPECT_GT(waited, 0.2);
  EXPECT_LT(waited, 0.25);
  // A real board swaps by itself.
  board.slowdown = 1;
  EXPECT_EQ(merge_deployment(std::nullopt, false, board)->parts[2].swap.count(), 0);
}

// What was other work while the part was loaded is over at one of them.
TEST(FlowNode, LooksForTheLeastAtTheFirstFramesOfAnEmulatedMachineToo) {
  const auto deployment = merge_deployment(std::nullopt, /*gated=*/false);
  ManualClock clock;
  FakeHops hops;
  FlowNode node({.emulation = {.slowdown = 10, .weights_from_memory = true}}, hops, clock);
  node.deploy(deployment);
  const int loaded = adder_of(*deployment).runs;
  const auto from = std::make_shared<FakeReturn>(false);
  constexpr std::uint32_t kFrames = 10;
  for (std::uint32_t frame = 1; frame <= kFrames; ++frame) {
    for (const std::uint16_t edge : {2, 3})
      node.receive({.message = number(1, edge, frame), .tensor = {}, .trailer = {}}, from);
    ASSERT_TRUE(eventually([&] { return hops.sent().size() == frame; }));
  }
  EXPECT_TRUE(deployment->parts[2].held->least_run.is_settled(1));
  EXPECT_EQ(adder_of(*deployment).runs, loaded + 10 + 8);
}

TEST(FlowNode, RunsNothingForItselfOnAMachineThatIsNotEmulated) {
  FakeHops hops;
  const auto deployment = merge_deployment(std::nullopt, /*gated=*/false);
  FlowNode node({}, hops, system_clock());
  node.deploy(deployment);
  EXPECT_EQ(adder_of(*deployment).runs, 0);
  EXPECT_FALSE(deployment->edges[2].cost->decode);
}

TEST(LeastReceiveTime, GrowsWithTheMessage) {
  EXPECT_GT(least_receive_time(0), Seconds{0});
  const Seconds small = least_receive_time(1 << 20);
  const Seconds large = least_receive_time(100 << 20);
  EXPECT_GT(large, 10 * small);
  // Slower than no memory is, and faster than a second for 100 MB.
  EXPECT_LT(large, Seconds{1});
}

struct Rig {
  explicit Rig(std::shared_ptr<const Deployment> deployment) : node({}, hops, clock) {
    node.deploy(std::move(deployment));
  }
  void give(FlowMessage message, const std::shared_ptr<FakeReturn>& from) {
    node.receive({.message = std::move(message), .tensor = {}, .trailer = {}}, from);
  }
  ManualClock clock;
  FakeHops hops;
  std::shared_ptr<FakeReturn> left = std::make_shared<FakeReturn>(false);
  std::shared_ptr<FakeReturn> right = std::make_shared<FakeReturn>(false);
  FlowNode node;
};

TEST(FlowNode, RunsAPartWhenBothInputsAreThereAndHandsOn) {
  Rig rig(merge_deployment(std::nullopt, false));
  rig.give(number(1, 2, 7), rig.left);
  EXPECT_TRUE(rig.hops.sent().empty());
  rig.give(number(2, 3, 7), rig.right);
  ASSERT_TRUE(eventually([&] { return rig.hops.sent().size() == 1; }));
  const auto [machine, message] = rig.hops.sent()[0];
  EXPECT_EQ(machine, 4);
  EXPECT_EQ(message.header.key.frame, 7u);
  EXPECT_EQ(number_of(message), 3);
  EXPECT_EQ(rig.left->granted + rig.right->granted, 2)
      << "credits are given back when the output has left";
  // What comes of it goes back to where the first input came from; the other's branch is done.
  ASSERT_EQ(rig.right->wait_for(1).size(), 1u);
  EXPECT_EQ(rig.right->parcels()[0].message.header.type, FrameType::kAck);
}

TEST(FlowNode, AnswersGoBackTheWayTheFrameCameWithItsOwnReport) {
  Rig rig(merge_deployment(std::nullopt, false));
  rig.give(number(1, 2, 7), rig.left);
  rig.give(number(2, 3, 7), rig.right);
  ASSERT_TRUE(eventually([&] { return rig.hops.sent().size() == 1; }));
  FlowMessage answer = number(9, 5, 7);
  answer.header.type = FrameType::kAnswer;
  ASSERT_TRUE(eventually([&] {
    rig.node.pass_back(answer, 100);
    return rig.left->parcels().size() == 1;
  }));
  const Parcel parcel = rig.left->parcels()[0];
  EXPECT_EQ(parcel.message.header.type, FrameType::kAnswer);
  EXPECT_EQ(number_of(parcel.message), 9);
  const auto ran = [](const WireSpan& span) {
    return span.kind == SpanKind::kRun && span.machine == 3;
  };
  EXPECT_TRUE(std::ranges::any_of(parcel.trailer.spans, ran));
  EXPECT_EQ(parcel.trailer.bytes.back().on_air, 100);
}

TEST(FlowNode, AMachineThatCannotBeReachedIsRefusedToTheSource) {
  Rig rig(merge_deployment(std::nullopt, false));
  rig.hops.failure = "next cannot be reached";
  rig.give(number(1, 2, 7), rig.left);
  rig.give(number(2, 3, 7), rig.right);
  const auto parcels = rig.left->wait_for(1);
  ASSERT_EQ(parcels.size(), 1u);
  EXPECT_EQ(parcels[0].message.header.type, FrameType::kRefusal);
  EXPECT_EQ(parcels[0].message.header.edge, 4) << "names the machine";
  EXPECT_EQ(rig.node.counters().refusals, 1);
}

TEST(FlowNode, FramesOnTheirWayByALostMachineAreRefused) {
  Rig rig(merge_deployment(std::nullopt, false));
  rig.give(number(1, 2, 7), rig.left);
  rig.give(number(2, 3, 7), rig.right);
  ASSERT_TRUE(eventually([&] { return rig.hops.sent().size() == 1; }));
  rig.node.lost("next", "is silent");
  const auto parcels = rig.left->wait_for(1);
  ASSERT_EQ(parcels.size(), 1u);
  EXPECT_EQ(parcels[0].message.header.type, FrameType::kRefusal);
  rig.node.lost("next", "is silent");
  EXPECT_EQ(rig.left->parcels().size(), 1u) << "once";
}

// What the next machine sends back of frame 7.
FlowMessage sent_back(FrameType type) {
  FlowMessage message = number(9, 5, 7);
  message.header.type = type;
  if (type != FrameType::kAnswer) message.payload = {};
  return message;
}

TEST(FlowNode, AFrameWhoseBranchWasAcknowledgedIsStillRefused) {
  Rig rig(merge_deployment(std::nullopt, false));
  rig.give(number(1, 2, 7), rig.left);
  rig.give(number(2, 3, 7), rig.right);
  ASSERT_TRUE(eventually([&] { return rig.hops.sent().size() == 1; }));
  rig.node.pass_back(sent_back(FrameType::kAck), 0);
  ASSERT_EQ(rig.left->wait_for(1).size(), 1u);
  rig.node.lost("next", "is silent");
  const auto parcels = rig.left->parcels();
  ASSERT_EQ(parcels.size(), 2u) << "the machine may still have other branches of it";
  EXPECT_EQ(parcels[0].message.header.type, FrameType::kAck);
  EXPECT_EQ(parcels[1].message.header.type, FrameType::kRefusal);
}

TEST(FlowNode, AFrameThatWasAnsweredOrRefusedIsNotRefusedAgain) {
  for (const FrameType end : {FrameType::kAnswer, FrameType::kRefusal}) {
    SCOPED_TRACE(to_string(end));
    Rig rig(merge_deployment(std::nullopt, false));
    rig.give(number(1, 2, 7), rig.left);
    rig.give(number(2, 3, 7), rig.right);
    ASSERT_TRUE(eventually([&] { return rig.hops.sent().size() == 1; }));
    rig.node.pass_back(sent_back(end), 0);
    ASSERT_EQ(rig.left->wait_for(1).size(), 1u);
    rig.node.lost("next", "is silent");
    EXPECT_EQ(rig.left->parcels().size(), 1u);
  }
}

TEST(FlowNode, APlanThatIsUndeployedWhileItRunsIsLetGo) {
  ManualClock clock;
  FakeHops hops;
  const auto from = std::make_shared<FakeReturn>(false);
  FlowNode* running = nullptr;
  const auto undeploy = [&running](const HeldPart&, Seconds) { running->undeploy({1, 1}); };
  FlowNode node({.on_run = undeploy}, hops, clock);
  running = &node;
  auto deployment = merge_deployment(std::nullopt, false);
  const std::weak_ptr<const Deployment> weak = deployment;
  node.deploy(std::move(deployment));
  node.receive({.message = number(1, 2, 7), .tensor = {}, .trailer = {}}, from);
  node.receive({.message = number(2, 3, 7), .tensor = {}, .trailer = {}}, from);
  ASSERT_TRUE(eventually([&] { return hops.sent().size() == 1; })) << "it runs to its end";
  EXPECT_TRUE(eventually([&] { return weak.expired(); })) << "with its weights";
}

TEST(FlowNode, AnOptionalInputIsReplacedByZerosAndTheAnswerSaysSo) {
  Rig rig(merge_deployment(Seconds{0.1}, true));
  rig.give(number(6, 2, 7), rig.left);
  rig.clock.advance(Seconds{0.05});
  rig.node.expire();
  EXPECT_TRUE(rig.left->parcels().empty());
  rig.clock.advance(Seconds{0.06});
  rig.node.expire();
  const auto parcels = rig.left->wait_for(1);
  ASSERT_EQ(parcels.size(), 1u);
  EXPECT_EQ(number_of(parcels[0].message), 6);
  EXPECT_EQ(parcels[0].trailer.missing, (std::vector<std::uint16_t>{3}));
  rig.give(number(1, 3, 7), rig.right);
  EXPECT_EQ(rig.node.counters().duplicates, 1) << "too late";
}

TEST(FlowNode, ATakenExitSendsNothingOn) {
  Rig rig(merge_deployment(std::nullopt, true));
  rig.give(number(5, 2, 7), rig.left);
  rig.give(number(1, 3, 7), rig.right);
  const auto parcels = rig.left->wait_for(1);
  ASSERT_EQ(parcels.size(), 1u);
  EXPECT_EQ(parcels[0].message.header.type, FrameType::kAnswer);
  EXPECT_EQ(number_of(parcels[0].message), 6);
  EXPECT_TRUE(rig.hops.sent().empty());
}

TEST(FlowNode, AnExitThatIsNotTakenAnswersNothing) {
  Rig rig(merge_deployment(std::nullopt, true));
  rig.give(number(4, 2, 7), rig.left);
  rig.give(number(1, 3, 7), rig.right);
  ASSERT_TRUE(eventually([&] { return rig.hops.sent().size() == 1; }));
  EXPECT_EQ(rig.node.counters().answers, 0);
}

TEST(FlowNode, DropsDuplicatesAndFramesWhoseBudgetIsOver) {
  Rig rig(merge_deployment(std::nullopt, false));
  rig.give(number(1, 2, 7), rig.left);
  rig.give(number(1, 2, 7), rig.left);
  EXPECT_EQ(rig.node.counters().duplicates, 1);
  rig.clock.advance(Seconds{11});
  rig.node.expire();
  EXPECT_EQ(rig.node.counters().given_up, 1);
}

TEST(FlowNode, RefusesAPlanThatItDoesNotHave) {
  Rig rig(merge_deployment(std::nullopt, false));
  FlowMessage message = number(1, 2, 7);
  message.header.key.epoch = 9;
  rig.give(std::move(message), rig.left);
  const auto parcels = rig.left->wait_for(1);
  ASSERT_EQ(parcels.size(), 1u);
  EXPECT_EQ(parcels[0].message.header.type, FrameType::kRefusal);
  EXPECT_EQ(rig.left->granted, 1);
}

TEST(FlowNode, RefusesADamagedTensor) {
  Rig rig(merge_deployment(std::nullopt, false));
  FlowMessage half = number(1, 2, 7);
  half.payload = Payload(half.payload.bytes().first(2), half.payload.owner());
  rig.give(std::move(half), rig.left);
  rig.give(number(1, 3, 7), rig.right);
  EXPECT_EQ(rig.left->wait_for(1)[0].message.header.type, FrameType::kRefusal);
}

}  // namespace
}  // namespace isthmus
