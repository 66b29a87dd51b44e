#include "boards/spread_study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "boards/spread_check.h"
#include "boards/spread_search.h"
#include "core/error.h"
#include "engine/verify.h"
#include "graph/builder.h"
#include "graph/shapes.h"
#include "pipeline/small_network.h"
#include "plan/costs.h"
#include "plan/tiny_plans.h"

namespace isthmus {
namespace {

// The dense layer has 33.6 MB of weights.
constexpr std::int64_t kDense = 1024;
// So little memory for each board that they must share it.
constexpr std::int64_t kLittle = kRuntimeBytes + 26'000'000;

NetworkUnderStudy study() {
  NetworkUnderStudy network;
  network.name = "small";
  network.graph = small_network(kDense);
  network.input = {.width = 32, .height = 32, .tensor = "input", .shape = {1, 3, 32, 32}};
  return network;
}

// A camera and boards on a fast network, each so many times slower than this machine.
Cluster boards(int count, double slowdown, std::int64_t memory = 0) {
  Cluster cluster;
  cluster.source = "camera";
  cluster.machines.push_back({.name = "camera"});
  for (int i = 1; i <= count; ++i)
    cluster.machines.push_back({.name = "pi" + std::to_string(i),
                                .slowdown = slowdown,
                                .slowdown_given = true,
                                .memory = memory});
  cluster.networks.push_back({.name = "lan",
                              .machines = {},
                              .link = {.name = "lan", .bandwidth = 1e9, .latency = Seconds{1e-4}}});
  return cluster;
}

TEST(SpreadNetwork, MakesPlansThatComputeTheSame) {
  const NetworkUnderStudy network = study();
  for (const auto objective : {PipelineObjective::kThroughput, PipelineObjective::kLatency})
    for (const std::int64_t memory : {std::int64_t{0}, kLittle}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(objective) << ' ' << memory);
      Profile profile;
      const SpreadResult result = spread_network(network, boards(4, 100, memory),
                                                 {.objective = objective, .runs = 2}, profile);
      const Partition partition =
          staged_partition(network.graph, stage_specs(result.problem, result.pipeline));
      EXPECT_TRUE(
          verify_partition(network.graph, partition, random_inputs(network.graph, 1, 1)).equal);
      EXPECT_GT(result.outcome.throughput, 0);
      EXPECT_FALSE(memory_problem(result.plan.plan, costs_of(result.plan.plan, "camera", profile),
                                  boards(4, 100, memory)));
      const auto shards =
          std::ranges::count(result.pipeline.stages, StageMode::kShards, &PipelineStage::mode);
      EXPECT_GE(shards, memory > 0 ? 1 : 0);
    }
}

// A thin region at the edge lies in the padding alone: it needs nothing of the input.
TEST(SpreadInRounds, DropsAWayToShareThatThePlansSharesDoNotAllow) {
  NetworkUnderStudy network = study();
  GraphBuilder net("padded");
  const std::string x = net.input("input", {-1, 8, 32, 32});
  net.output(net.relu(net.conv(x, 64, {.kernel = {1}, .pad = {2}}), "y"));
  network.graph = net.build();
  network.input = {.tensor = "input", .shape = {1, 8, 32, 32}};
  const Cluster cluster = boards(3, 100);
  Profile profile;
  const SpreadRequest request{.runs = 1};
  const PipelineProblem problem = study_units(network, cluster, request, profile);
  int asked = 0;
  const SpreadResult result = spread_in_rounds(
      network, cluster, request, problem,
      [&](const PipelineProblem& each, const Cluster&) {
        ++asked;
        const auto spatial = std::ranges::find(each.shards, "spatial", &ShardOption::kind);
        if (spatial == each.shards.end()) return best_single_machine(each, cluster, {}).value();
        PipelinePlan plan;
        plan.stages = {{.mode = StageMode::kShards,
                        .option = static_cast<std::size_t>(spatial - each.shards.begin()),
                        .machines = {"pi1", "pi2", "pi3"},
                        .shares = {0.01, 0.98, 0.01}}};
        return plan;
      },
      profile);
  EXPECT_GE(asked, 2);
  EXPECT_EQ(result.pipeline.stages[0].mode, StageMode::kSingle);
}

// Of a steady stream, and of a plan whose boards have room for few of its large messages.
TEST(FramesOnTheirWay, AreFewerThanAreLetWhereThereIsNoRoom) {
  Trace trace;
  for (int i = 0; i < 20; ++i)
    trace.frames.push_back({.captured = Seconds{std::max(0, i - 3)},
                            .capture_to_output = Seconds{i < 3 ? i + 1.0 : 4.0}});
  EXPECT_NEAR(frames_on_their_way(trace, 4), 4, 1e-9);
  trace.frames.resize(3);
  EXPECT_NEAR(frames_on_their_way(trace, 4), 3, 1e-9);

  TinyPlans tiny;
  for (const char* name : {"camera", "pi1", "pi2", "pi3", "pi4"}) tiny.machine(name, 100);
  tiny.network(1e9, 0.0001);
  tiny.chain({"pi1", "pi2", "pi3", "pi4"}, {0.02, 0.001, 0.001, 0.001}, 100'000'000);
  const SpreadOutcome outcome = play_spread(tiny.plan, tiny.cluster, tiny.profile, 300);
  EXPECT_LT(outcome.on_their_way, outcome.in_flight);
  const Trace full = play_frames(tiny.plan, tiny.cluster, tiny.profile, 60, outcome.in_flight);
  double latency = 0;
  for (std::size_t i = 12; i < 60; ++i) latency += full.frames[i].capture_to_output.count() / 48;
  EXPECT_NEAR(frames_on_their_way(full, 12) / latency, outcome.throughput,
              0.02 * outcome.throughput);
}

// One dense layer, in shares of the boards.
class DenseInShares : public testing::Test {
 protected:
  DenseInShares() {
    GraphBuilder net("dense");
    const std::string x = net.input("input", {-1, 2000});
    net.output(net.gemm(x, 2000, "y"));
    network_.graph = net.build();
    network_.input = {.tensor = "input", .shape = {1, 2000}};
    problem_ = study_units(network_, cluster_, {.runs = 1}, profile_);
    for (std::size_t i = 0; i < problem_.shards.size(); ++i)
      if (problem_.shards[i].kind == "channel") channel_ = i;
  }

  PipelinePlan shares(std::vector<double> each) const {
    PipelineStage stage{.mode = StageMode::kShards, .option = channel_, .shares = std::move(each)};
    for (std::size_t k = 1; k <= stage.shares.size(); ++k)
      stage.machines.push_back("pi" + std::to_string(k));
    PipelinePlan plan;
    plan.stages = {stage};
    return plan;
  }

  SpreadResult in_rounds(int rounds, const PlanPipeline& plan) {
    return spread_in_rounds(network_, cluster_, {.runs = 1, .rounds = rounds, .restricted = false},
                            problem_, plan, profile_);
  }

  NetworkUnderStudy network_ = study();
  const Cluster cluster_ = boards(4, 100);
  Profile profile_;
  PipelineProblem problem_;
  std::size_t channel_ = 0;
};

TEST_F(DenseInShares, GoOnAfterAPlanThatIsNoBetterAndKeepTheBest) {
  const std::vector<std::vector<double>> each = {
      {0.7, 0.3}, {0.95, 0.05}, {0.25, 0.25, 0.25, 0.25}, {0.9, 0.1}};
  std::size_t asked = 0;
  const SpreadResult result =
      in_rounds(3, [&](const PipelineProblem&, const Cluster&) { return shares(each[asked++]); });
  EXPECT_EQ(asked, 4U);
  EXPECT_EQ(result.pipeline.stages[0].shares, each[2]);
}

// What the planner does not count may not fit.
TEST_F(DenseInShares, AreFewerWhereSoManyDoNotFit) {
  const auto plan = [&](const PipelineProblem& problem, const Cluster&) {
    if (problem.shards.at(channel_).most > 2)
      throw Error(ErrorKind::kUnsupported, "no room to merge so many");
    return shares({0.5, 0.5});
  };
  EXPECT_EQ(in_rounds(0, plan).pipeline.stages[0].machines.size(), 2U);
  const auto never = [&](const PipelineProblem& problem, const Cluster&) -> PipelinePlan {
    throw Error(ErrorKind::kUnsupported,
                problem.shards.empty() ? "too large" : "no room to merge so many");
  };
  try {
    in_rounds(0, never);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no room to merge so many");
  }
}

// What the planner does not count may be what a restricted plan does without.
TEST_F(DenseInShares, AreTakenFromARestrictedPlanWhereTheFirstDoesNotFit) {
  const SpreadRequest request{.runs = 1, .rounds = 1};
  const auto first_fails = [&](const PipelineProblem& problem, const Cluster&) {
    if (problem.several_stages || problem.shards.size() <= channel_)
      throw Error(ErrorKind::kUnsupported, "so much waits on pi1");
    return shares({0.5, 0.5});
  };
  const SpreadResult result =
      spread_in_rounds(network_, cluster_, request, problem_, first_fails, profile_);
  EXPECT_EQ(result.pipeline.stages[0].machines.size(), 2U);
  const auto all_fail = [&](const PipelineProblem& problem, const Cluster&) -> PipelinePlan {
    throw Error(ErrorKind::kUnsupported, problem.several_stages ? "so much waits on pi1" : "again");
  };
  try {
    spread_in_rounds(network_, cluster_, request, problem_, all_fail, profile_);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "so much waits on pi1");
  }
}

// The plan for all of the memory is too large for it, and so is the next one in many pieces.
TEST_F(DenseInShares, AreFewerOnTheWayToAPlanThatFits) {
  Cluster cluster = cluster_;
  for (Machine& machine : cluster.machines)
    if (machine.name != "camera") machine.memory = kRuntimeBytes + 10'000'000;
  const auto plan = [&](const PipelineProblem& problem, const Cluster& on) {
    const bool tightened = on.machines[1].memory < cluster.machines[1].memory;
    if (!tightened) return shares({0.99, 0.01});
    if (problem.shards.at(channel_).most > 2)
      throw Error(ErrorKind::kUnsupported, "no room to merge so many");
    return shares({0.5, 0.5});
  };
  const SpreadResult result = spread_in_rounds(
      network_, cluster, {.runs = 1, .rounds = 0, .restricted = false}, problem_, plan, profile_);
  EXPECT_THAT(result.pipeline.stages[0].shares, testing::ElementsAre(0.5, 0.5));
}

TEST(FramesToFill, AreThreeForEachMachine) {
  TinyPlans tiny;
  tiny.part("first", {"a", "b"}, 1, Placement::kSpread);
  tiny.part("second", {"a"}, 1);
  EXPECT_EQ(frames_to_fill(tiny.plan), 6);
}

// As the lab reports it for u8 between boards.
TEST(CheckSpread, MeasuresWhatCodecsBetweenBoardsLose) {
  const NetworkUnderStudy network = study();
  for (const char* codec : {"f32", "u8"}) {
    SCOPED_TRACE(codec);
    Profile profile;
    const Cluster cluster = boards(4, 100, kLittle);
    const SpreadResult result =
        spread_network(network, cluster, {.codec = codec, .runs = 1}, profile);
    const SpreadCheck check = check_spread(network, result, "camera", "signs", 2);
    EXPECT_LT(check.parts, 1e-4);
    ASSERT_EQ(check.answer.has_value(), std::string(codec) == "u8");
    if (!check.answer) continue;
    EXPECT_GT(*check.answer, 1e-5);
    EXPECT_LT(*check.answer, 0.1);
  }
}

// Frames have one size, whatever the network can take.
TEST(StudyForBoards, GivesOpenExtentsTheirSize) {
  const NetworkUnderStudy closed = study();
  Graph open = closed.graph;
  Value& input = open.inputs[0].value;
  const Shape shape = input.shape;
  for (std::size_t i = 2; i < input.shape.size(); ++i) input.shape[i] = -1;
  for (auto& [name, value] : open.values) value.has_shape = false;
  const Graph graph = with_input_shape(open, closed.input.shape);
  EXPECT_EQ(graph.inputs[0].value.shape, shape);
  for (const std::string& unit : pipeline_units(closed.graph))
    EXPECT_EQ(graph.value_of(unit).shape, closed.graph.value_of(unit).shape) << unit;
}

TEST(StudyForBoards, RefusesWhatIsNoFloat) {
  GraphBuilder net("tokens");
  const std::string x = net.input("tokens", {-1, 4}, DType::kI64);
  net.output(net.op("Cast", {x}, {{"to", std::int64_t{1}}}, "y"));
  try {
    study_for_boards(net.build(), "tokens.onnx", "tokens");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("int64"));
  }
}

// One board has room for little of the layer, and shares are rounded to its features.
TEST(SpreadNetwork, KeepsToUnequalMemories) {
  NetworkUnderStudy network = study();
  GraphBuilder net("dense");
  const std::string x = net.input("input", {-1, 4000});
  net.output(net.gemm(x, 7, "y"));
  network.graph = net.build();
  network.input = {.tensor = "input", .shape = {1, 4000}};
  // For 64 frames.
  constexpr std::int64_t kRoom = 64 * 16'100;
  for (const std::int64_t least : {20'000, 30'000, 40'000, 50'000, 60'000, 70'000}) {
    Cluster cluster = boards(3, 100, kRuntimeBytes + kRoom + 100'000);
    cluster.machines[1].memory = kRuntimeBytes + kRoom + least;
    Profile profile;
    const SpreadResult result = spread_network(network, cluster, {.runs = 1}, profile);
    EXPECT_FALSE(
        memory_problem(result.plan.plan, costs_of(result.plan.plan, "camera", profile), cluster))
        << least;
  }
}

TEST(SpreadNetwork, NamesTheLayerThatNoBoardHolds) {
  Profile profile;
  try {
    spread_network(study(), boards(2, 100, kRuntimeBytes + 1000), {.runs = 1}, profile);
    FAIL() << "it fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), testing::HasSubstr("pi"));
  }
}

}  // namespace
}  // namespace isthmus
