#include "serve/flow_node.h"

#include <cstring>
#include <future>

#include "serve/fixture.h"
#include "serve/receive_cost.h"

namespace isthmus {
namespace {

using namespace testing;

// Other machines that take everything, or nothing.
class FakeHops final : public NextHops {
 public:
  Sent send(const Deployment&, std::uint8_t machine, FlowMessage message,
            std::shared_ptr<void>) override {
    const std::lock_guard lock(mutex_);
    if (!failure.empty()) return {.failure = failure, .passage = {}, .shaped = false};
    sent_.emplace_back(machine, std::move(message));
    return {.failure = {}, .passage = {.on_air = 1}, .shaped = false};
  }
  std::vector<std::pair<int, FlowMessage>> sent() const {
    const std::lock_guard lock(mutex_);
    return sent_;
  }
  std::string failure;

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<int, FlowMessage>> sent_;
};

class FakeReturn final : public ReturnPath {
 public:
  explicit FakeReturn(bool local) : local_(local) {}
  bool is_local() const override { return local_; }
  void send(const Deployment*, Parcel parcel) override {
    const std::lock_guard lock(mutex_);
    parcels_.push_back(std::move(parcel));
  }
  void grant(const EdgeKey&, int) override { ++granted; }
  std::vector<Parcel> parcels() const {
    const std::lock_guard lock(mutex_);
    return parcels_;
  }
  std::vector<Parcel> wait_for(std::size_t count) const {
    EXPECT_TRUE(eventually([&] { return parcels().size() >= count; }));
    return parcels();
  }
  std::atomic<int> granted = 0;

 private:
  bool local_;
  mutable std::mutex mutex_;
  std::vector<Parcel> parcels_;
};

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
std::shared_ptr<const Deployment> merge_deployment(std::optional<Seconds> wait_for_b, bool gated) {
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
  DeploymentSpec spec{.id = {1, 1},
                      .plan = plan,
                      .machines = {"camera", "left", "right", "here", "next"},
                      .self = "here",
                      .source = "camera",
                      .edges = std::vector<EdgeTensor>(plan.edges.size(), {DType::kF32, {1, 1}}),
                      .held = {{"merge", held}}};
  return make_deployment(std::move(spec));
}

FlowMessage number(float value, std::uint16_t edge, std::uint32_t frame, std::uint8_t attempt = 0) {
  return {.header = {.type = FrameType::kTensor,
                     .key = {.source = 1, .frame = frame, .attempt = attempt, .epoch = 1},
                     .edge = edge,
                     .budget_us = 10'000'000},
          .payload = Payload(Tensor::of<float>({1, 1}, std::vector<float>{value})),
          .trailer = {}};
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

// Hands its input on.
class Copier final : public Engine {
 public:
  explicit Copier(bool room) : room_(room) {}
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  std::vector<Tensor> run(std::span<const Tensor> inputs) override { return {inputs[0]}; }
  bool has_room() const override { return room_; }

 private:
  bool room_;
  std::vector<TensorSpec> inputs_{{"x", DType::kF32, {1, 1}}};
  std::vector<TensorSpec> outputs_{{"y", DType::kF32, {1, 1}}};
};

// Two parts here that have nothing to do with each other: "full" has no room for a run, "free" has.
std::shared_ptr<const Deployment> full_and_free() {
  Plan plan;
  plan.name = "two";
  plan.parts = {{.name = "left", .machines = {"left"}},
                {.name = "right", .machines = {"right"}},
                {.name = "full", .machines = {"here"}},
                {.name = "free", .machines = {"here"}}};
  plan.edges = {{.edge = {"", "x", "left", "x"}},      {.edge = {"", "x", "right", "x"}},
                {.edge = {"left", "y", "full", "x"}},  {.edge = {"right", "y", "free", "x"}},
                {.edge = {"full", "y", "", "scores"}}, {.edge = {"free", "y", "", "more"}}};
  DeploymentSpec spec{.id = {1, 1},
                      .plan = plan,
                      .machines = {"camera", "left", "right", "here"},
                      .self = "here",
                      .source = "camera",
                      .edges = std::vector<EdgeTensor>(plan.edges.size(), {DType::kF32, {1, 1}})};
  for (const bool room : {false, true}) {
    auto held = std::make_shared<HeldPart>();
    held->name = room ? "free" : "full";
    held->engine = std::make_unique<Copier>(room);
    spec.held[held->name] = held;
  }
  return make_deployment(std::move(spec));
}

TEST(FlowNode, APartWithoutRoomLetsOthersPass) {
  std::promise<void> go_on;
  std::mutex mutex;
  std::vector<std::string> order;
  const auto note = [&, gate = go_on.get_future().share()](const HeldPart& part, Seconds) {
    gate.wait();
    const std::lock_guard lock(mutex);
    order.push_back(part.name);
  };
  FakeHops hops;
  const auto from = std::make_shared<FakeReturn>(false);
  FlowNode node({.on_run = note}, hops, system_clock());
  node.deploy(full_and_free());
  const auto give = [&](std::uint16_t edge, std::uint32_t frame) {
    node.receive({.message = number(1, edge, frame), .tensor = {}, .trailer = {}}, from);
  };
  give(3, 1);
  ASSERT_TRUE(eventually([&] { return node.queued() == 0; })) << "the worker is busy";
  give(2, 2);
  give(3, 3);
  go_on.set_value();
  from->wait_for(3);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(order, (std::vector<std::string>{"free", "free", "full"}));
}

// Three parts here, one behind the other.
std::shared_ptr<const Deployment> three_in_a_row() {
  Plan plan;
  plan.name = "row";
  plan.edges = {{.edge = {"", "x", "before", "x"}}};
  std::string last = "before";
  plan.parts = {{.name = last, .machines = {"before"}}};
  for (const std::string name : {"first", "second", "third"}) {
    plan.parts.push_back({.name = name, .machines = {"here"}});
    plan.edges.push_back({.edge = {last, "y", name, "x"}});
    last = name;
  }
  plan.edges.push_back({.edge = {last, "y", "", "scores"}});
  DeploymentSpec spec{.id = {1, 1},
                      .plan = plan,
                      .machines = {"camera", "before", "here"},
                      .self = "here",
                      .source = "camera",
                      .edges = std::vector<EdgeTensor>(plan.edges.size(), {DType::kF32, {1, 1}})};
  for (const std::string name : {"first", "second", "third"}) {
    auto held = std::make_shared<HeldPart>();
    held->name = name;
    held->engine = std::make_unique<Copier>(true);
    spec.held[name] = held;
  }
  return make_deployment(std::move(spec));
}

TEST(FlowNode, OlderFramesGoFirst) {
  std::promise<void> go_on;
  const auto wait = [gate = go_on.get_future().share()](const HeldPart&, Seconds) { gate.wait(); };
  FakeHops hops;
  const auto from = std::make_shared<FakeReturn>(false);
  FlowNode node({.on_run = wait}, hops, system_clock());
  node.deploy(three_in_a_row());
  const auto give = [&](std::uint32_t frame) {
    node.receive({.message = number(1, 1, frame), .tensor = {}, .trailer = {}}, from);
  };
  give(9);
  ASSERT_TRUE(eventually([&] { return node.queued() == 0; })) << "the worker is busy";
  for (const std::uint32_t frame : {7U, 8U, 3U, 5U}) give(frame);
  go_on.set_value();
  std::vector<std::uint32_t> order;
  for (const Parcel& parcel : from->wait_for(5)) order.push_back(parcel.message.header.key.frame);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{9, 3, 5, 7, 8}));
}

TEST(FlowNode, AFrameGoesOnHereBeforeOthersBegin) {
  std::promise<void> go_on;
  std::mutex mutex;
  std::vector<std::string> order;
  const auto note = [&, gate = go_on.get_future().share()](const HeldPart& part, Seconds) {
    gate.wait();
    const std::lock_guard lock(mutex);
    order.push_back(part.name);
  };
  FakeHops hops;
  const auto from = std::make_shared<FakeReturn>(false);
  FlowNode node({.on_run = note}, hops, system_clock());
  node.deploy(three_in_a_row());
  const auto give = [&](std::uint32_t frame) {
    node.receive({.message = number(1, 1, frame), .tensor = {}, .trailer = {}}, from);
  };
  give(1);
  ASSERT_TRUE(eventually([&] { return node.queued() == 0; })) << "the worker is busy";
  give(2);
  go_on.set_value();
  from->wait_for(2);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(order, (std::vector<std::string>{"first", "second", "third",  //
                                             "first", "second", "third"}));
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
