// In which order a node works on what waits for it.

#include <future>
#include <set>

#include "serve/flow_fakes.h"

namespace isthmus {
namespace {

using namespace testing;

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

// The parts on the machine "here" are held; those in `full` have no room for a run.
std::shared_ptr<const Deployment> deployed_here(const Plan& plan,
                                                const std::set<std::string>& full = {}) {
  DeploymentSpec spec{.id = {1, 1},
                      .plan = plan,
                      .machines = {"camera", "left", "right", "here"},
                      .self = "here",
                      .source = "camera",
                      .edges = std::vector<EdgeTensor>(plan.edges.size(), {DType::kF32, {1, 1}})};
  for (const PlacedPart& part : plan.parts) {
    if (part.machines[0] != "here") continue;
    auto held = std::make_shared<HeldPart>();
    held->name = part.name;
    held->engine = std::make_unique<Copier>(!full.contains(part.name));
    spec.held[part.name] = held;
  }
  return make_deployment(std::move(spec));
}

// Two parts here that have nothing to do with each other, fed by edges 2 and 3.
Plan two_beside_each_other() {
  Plan plan;
  plan.name = "two";
  plan.parts = {{.name = "left", .machines = {"left"}},
                {.name = "right", .machines = {"right"}},
                {.name = "full", .machines = {"here"}},
                {.name = "free", .machines = {"here"}}};
  plan.edges = {{.edge = {"", "x", "left", "x"}},      {.edge = {"", "x", "right", "x"}},
                {.edge = {"left", "y", "full", "x"}},  {.edge = {"right", "y", "free", "x"}},
                {.edge = {"full", "y", "", "scores"}}, {.edge = {"free", "y", "", "more"}}};
  return plan;
}

// Three parts here, one behind the other, the first of which is fed by edge 1.
Plan three_in_a_row() {
  Plan plan;
  plan.name = "row";
  plan.edges = {{.edge = {"", "x", "left", "x"}}};
  std::string last = "left";
  plan.parts = {{.name = last, .machines = {"left"}}};
  for (const std::string name : {"first", "second", "third"}) {
    plan.parts.push_back({.name = name, .machines = {"here"}});
    plan.edges.push_back({.edge = {last, "y", name, "x"}});
    last = name;
  }
  plan.edges.push_back({.edge = {last, "y", "", "scores"}});
  return plan;
}

struct Order {
  std::vector<std::string> parts;
  std::vector<std::uint32_t> answers;
};
struct Coming {
  std::uint16_t edge = 0;
  std::uint32_t frame = 0;
};

// The first keeps the only worker busy until all others wait.
Order order_of(std::shared_ptr<const Deployment> deployment, const std::vector<Coming>& coming) {
  std::promise<void> go_on;
  std::mutex mutex;
  Order order;
  const auto note = [&, gate = go_on.get_future().share()](const HeldPart& part, Seconds) {
    gate.wait();
    const std::lock_guard lock(mutex);
    order.parts.push_back(part.name);
  };
  FakeHops hops;
  const auto from = std::make_shared<FakeReturn>(false);
  FlowNode node({.on_run = note}, hops, system_clock());
  node.deploy(std::move(deployment));
  for (const auto& [edge, frame] : coming) {
    node.receive({.message = number(1, edge, frame), .tensor = {}, .trailer = {}}, from);
    if (frame != coming[0].frame) continue;
    EXPECT_TRUE(eventually([&] { return node.queued() == 0; })) << "the worker is busy";
  }
  go_on.set_value();
  for (const Parcel& parcel : from->wait_for(coming.size()))
    order.answers.push_back(parcel.message.header.key.frame);
  const std::lock_guard lock(mutex);
  return order;
}

TEST(FlowOrder, APartWithoutRoomLetsOthersPass) {
  EXPECT_EQ(
      order_of(deployed_here(two_beside_each_other(), {"full"}), {{3, 1}, {2, 2}, {3, 3}}).parts,
      (std::vector<std::string>{"free", "free", "full"}));
}

TEST(FlowOrder, OlderFramesGoFirst) {
  EXPECT_EQ(
      order_of(deployed_here(three_in_a_row()), {{1, 9}, {1, 7}, {1, 8}, {1, 3}, {1, 5}}).answers,
      (std::vector<std::uint32_t>{9, 3, 5, 7, 8}));
}

TEST(FlowOrder, AFrameGoesOnHereBeforeOthersBegin) {
  EXPECT_EQ(order_of(deployed_here(three_in_a_row()), {{1, 2}, {1, 1}}).parts,
            (std::vector<std::string>{"first", "second", "third",  //
                                      "first", "second", "third"}));
}

}  // namespace
}  // namespace isthmus
