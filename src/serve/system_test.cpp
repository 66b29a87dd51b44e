#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "core/error.h"
#include "serve/agent_client.h"
#include "serve/fixture.h"
#include "split/cut.h"

namespace isthmus {
namespace {

using namespace testing;

TEST(System, AnswersThroughTwoMachinesAreThoseOfTheWhole) {
  Agent agent({});
  Source source({small_cut()}, two_machines(agent.address()));
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Tensor image = noise_image(i);
    const auto answer = source.ask({.input = image, .truth = 3});
    ASSERT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
    EXPECT_LT(max_relative_difference(whole_answer(image), answer.scores), 1e-5);
    EXPECT_EQ(answer.record.truth, 3);
    EXPECT_EQ(answer.record.label,
              static_cast<std::int64_t>(argmax(answer.scores.values<float>())));
  }
  EXPECT_EQ(source.stop().frames.size(), 20u);
}

TEST(System, TheWholeNetworkMayRunOnTheServerFromAnImage) {
  Agent agent({});
  for (const char* codec : {"raw", "f32", "webp:90", "jpeg:95"}) {
    SCOPED_TRACE(codec);
    Source source({offload_plan(small_network(), "small", codec, options_for())},
                  two_machines(agent.address()));
    const Tensor image = noise_image(7);
    const auto answer = source.ask({.input = image});
    ASSERT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
    const bool exact = std::string(codec) == "raw" || std::string(codec) == "f32";
    EXPECT_LT(max_relative_difference(whole_answer(image), answer.scores), exact ? 1e-5 : 1);
  }
}

TEST(System, APlanOfTheSourceAloneNeedsNoAgent) {
  Cluster cluster = two_machines("127.0.0.1:1");
  Source source({local_plan(small_network(), "small", options_for())}, cluster);
  const Tensor image = noise_image(1);
  const auto answer = source.ask({.input = image});
  EXPECT_EQ(answer.record.outcome, Outcome::kAnswered);
  EXPECT_LT(max_relative_difference(whole_answer(image), answer.scores), 1e-5);
  EXPECT_TRUE(answer.record.bytes.empty());
}

TEST(System, AnAgentOfAnotherVersionIsRefusedWithBothNamed) {
  Agent agent({.version = "9.9.9"});
  try {
    Source source({small_cut()}, two_machines(agent.address()));
    FAIL() << "should have been refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
    const std::string text = error.what();
    EXPECT_NE(text.find("9.9.9"), std::string::npos) << text;
    EXPECT_NE(text.find(std::string(kVersion)), std::string::npos) << text;
    EXPECT_NE(text.find("edge"), std::string::npos) << text;
  }
}

TEST(System, AMachineThatIsNotThereIsNamed) {
  try {
    Source source({small_cut()}, two_machines("127.0.0.1:1"), {.connect_timeout = Seconds{0.3}});
    FAIL() << "should have failed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("edge (127.0.0.1:1)"), std::string::npos)
        << error.what();
  }
}

TEST(System, ALadderDoesWithoutAMachineThatIsNotThere) {
  Source source({small_cut(), local_plan(small_network(), "small", options_for())},
                two_machines("127.0.0.1:1"), {.connect_timeout = Seconds{0.3}});
  const auto answer = source.ask({.input = noise_image(1)});
  EXPECT_EQ(answer.record.outcome, Outcome::kAnswered);
  EXPECT_EQ(answer.record.reason, "edge is gone");
}

TEST(System, AnImageOfAnotherShapeIsRefusedWithTheRightOneNamed) {
  Agent agent({});
  Source source({small_cut()}, two_machines(agent.address()));
  try {
    source.submit({.input = noise_image(1, 16, 32)});
    FAIL() << "should have been refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_NE(std::string(error.what()).find("32x32x3"), std::string::npos) << error.what();
  }
  EXPECT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
}

TEST(System, APartThatDoesNotFitIsRefusedBeforeItTakesMemory) {
  Agent agent({.memory = 3000});
  EXPECT_THROW(Source({small_cut()}, two_machines(agent.address())), Error);
}

TEST(System, ASecondSourceSendsNoWeightAgain) {
  Agent agent({});
  Source first({small_cut()}, two_machines(agent.address()), {.id = 1});
  Source second({small_cut()}, two_machines(agent.address()), {.id = 2});
  EXPECT_GT(first.deployed_bytes().at("edge"), 5000);
  EXPECT_LT(second.deployed_bytes().at("edge"), 2000);
}

TEST(System, TwoSourcesOfOneNumberAreToldToDiffer) {
  Agent agent({});
  Source first({small_cut()}, two_machines(agent.address()), {.id = 1});
  first.ask({.input = noise_image(1)});
  EXPECT_THROW(Source({small_cut()}, two_machines(agent.address()), {.id = 1}), Error);
}

// Submits `count` frames to each source at the same time and compares every answer with the whole
// network's.
void feed_together(std::vector<std::unique_ptr<Source>>& sources, std::uint64_t count) {
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (auto& source : sources) {
    threads.emplace_back([&, one = source.get()] {
      for (std::uint64_t i = 0; i < count; ++i) {
        const Tensor image = noise_image(i % 5);
        one->submit({.input = image}, [&mutex, expected = whole_answer(image)](
                                          const FrameRecord& record, const Tensor& scores) {
          const std::lock_guard lock(mutex);
          EXPECT_EQ(record.outcome, Outcome::kAnswered) << record.reason;
          EXPECT_LT(max_relative_difference(expected, scores), 1e-4);
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& source : sources) EXPECT_TRUE(source->drain());
}

TEST(System, FramesOfTwoSourcesRunTogetherAndAnswersStayTheSame) {
  Agent agent({.queue = 16});
  std::vector<std::unique_ptr<Source>> sources;
  for (std::uint16_t id : {1, 2}) {
    Cluster cluster = two_machines(agent.address());
    // A slow server, so that frames wait for it.
    cluster.machines[1].slowdown = 20;
    sources.push_back(std::make_unique<Source>(
        std::vector{small_cut()}, cluster,
        SourceOptions{.id = id, .max_in_flight = 8, .local_fallback = false}));
  }
  feed_together(sources, 60);
  AgentClient client("edge", agent.address(), {});
  EXPECT_GT(client.stats().counters().at("batched"), 0);
}

TEST(System, FramesOfOneSourceRunOneByOne) {
  Agent agent({});
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<Source>(
      std::vector{small_cut()}, two_machines(agent.address()), SourceOptions{.max_in_flight = 8}));
  feed_together(sources, 60);
  AgentClient client("edge", agent.address(), {});
  EXPECT_EQ(client.stats().counters().at("batched"), 0);
}

TEST(System, AShapedLinkTakesItsTimeAndEveryByteIsCounted) {
  Agent agent({});
  const LinkProfile link{
      .name = "slow", .bandwidth = 4e6, .latency = Seconds{0.01}, .trace = nullptr};
  Source source({small_cut()}, two_machines(agent.address(), link));
  const auto answer = source.ask({.input = noise_image(1)});
  ASSERT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
  // 8x16x16 f32 and a header of 28 bytes.
  const std::int64_t message = 8 * 16 * 16 * 4 + 28;
  ASSERT_EQ(answer.record.bytes.size(), 2u);
  EXPECT_EQ(answer.record.bytes[0].edge, "head:cut->tail:cut");
  EXPECT_EQ(answer.record.bytes[0].message, message);
  EXPECT_EQ(answer.record.bytes[0].on_air, bytes_on_air(message, {}));
  EXPECT_EQ(answer.record.bytes[1].edge, "tail:scores->answer:scores");
  const double up = 8.0 * static_cast<double>(bytes_on_air(message, {})) / 4e6 + 0.01;
  EXPECT_GT(answer.record.capture_to_output.count(), up + 0.01);
  const auto send = std::ranges::find(answer.record.spans, SpanKind::kSend, &Span::kind);
  ASSERT_NE(send, answer.record.spans.end());
  EXPECT_NEAR(send->duration.count(), up, 0.005);
}

TEST(System, EveryMachineReportsItsSpans) {
  Agent agent({});
  Source source({small_cut("u8")}, two_machines(agent.address()));
  const auto record = source.ask({.input = noise_image(1)}).record;
  const auto has = [&](SpanKind kind, const std::string& machine, const std::string& what) {
    return std::ranges::any_of(record.spans, [&](const Span& s) {
      return s.kind == kind && s.machine == machine && s.what == what;
    });
  };
  EXPECT_TRUE(has(SpanKind::kPrepare, "camera", "input:image->head:image"));
  EXPECT_TRUE(has(SpanKind::kRun, "camera", "head"));
  EXPECT_TRUE(has(SpanKind::kEncode, "camera", "head:cut->tail:cut"));
  EXPECT_TRUE(has(SpanKind::kDecode, "edge", "head:cut->tail:cut"));
  EXPECT_TRUE(has(SpanKind::kRun, "edge", "tail"));
  EXPECT_TRUE(has(SpanKind::kQueue, "edge", "tail"));
}

TEST(System, EveryMachineReportsHowItsPartsFare) {
  Agent agent({});
  Source source({small_cut()}, two_machines(agent.address()), {.max_in_flight = 6});
  constexpr int kFrames = 50;
  for (int i = 0; i < kFrames; ++i) source.submit({.input = noise_image(1)});
  ASSERT_TRUE(source.drain());
  Statistics statistics;
  ASSERT_TRUE(eventually([&] {
    statistics = source.statistics();
    return statistics.machines["edge"]["tail"].runs == kFrames;
  }));
  EXPECT_EQ(statistics.plan, small_cut().plan.name);
  for (const auto& [machine, part] : {std::pair("camera", "head"), {"edge", "tail"}}) {
    SCOPED_TRACE(machine);
    const PartStatistics& one = statistics.machines.at(machine).at(part);
    EXPECT_EQ(one.runs, kFrames);
    EXPECT_GT(one.p50, Seconds{0});
    EXPECT_GE(one.p95, one.p50);
    EXPECT_GE(one.busy, one.mean);
    std::int64_t arrived = 0;
    for (const std::int64_t count : one.waiting) arrived += count;
    EXPECT_EQ(arrived, kFrames);
  }
}

TEST(System, ASlowMachineHoldsBackItsCpuTime) {
  Cluster cluster = two_machines("127.0.0.1:1");
  const auto run_time = [&](double slowdown) {
    cluster.machines[0].slowdown = slowdown;
    Source source({local_plan(small_network(), "small", options_for())}, cluster);
    double least = 1e9;
    for (int i = 0; i < 20; ++i) {
      const FrameRecord record = source.ask({.input = noise_image(1)}).record;
      for (const Span& span : record.spans)
        if (span.kind == SpanKind::kRun) least = std::min(least, span.duration.count());
    }
    return least;
  };
  EXPECT_GT(run_time(50), 10 * run_time(1));
}

TEST(System, RefusesAPlanWhoseLocalAnswerDoesNotCome) {
  GraphBuilder net("unsure");
  net.input("x", {-1, 4});
  net.output(net.op("Relu", {"x"}, {}, "scores"));
  net.output(net.gemm("x", 1, "confidence"));
  const Partition partition{.name = "unsure",
                            .parts = {{"part", net.build()}},
                            .edges = {{"", "x", "part", "x"}, {"part", "scores", "", "scores"}}};
  PlanInput input;
  input.tensor = "x";
  input.shape = {1, 4};
  LoadedPlan plan = place(partition, {{"part", "camera"}}, {}, input);
  plan.plan.gates = {
      {.part = "part", .confidence = "confidence", .threshold = 1e9, .exit = "scores"}};
  try {
    Source source({plan}, two_machines("127.0.0.1:1"), {.local_answer_timeout = Seconds{0.05}});
    FAIL() << "its only answer is an exit that is not taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.what();
  }
}

TEST(System, PlansChangeWhileFramesFlow) {
  Agent agent({});
  Source source({small_cut()}, two_machines(agent.address()), {.max_in_flight = 4});
  std::mutex mutex;
  std::map<std::uint32_t, int> answers;
  std::map<std::string, int> plans;
  std::atomic<bool> enough = false;
  std::thread camera([&] {
    while (!enough)
      source.submit(
          {.input = noise_image(1)}, [&](const FrameRecord& record, const Tensor& scores) {
            const std::lock_guard lock(mutex);
            ++answers[record.key.frame];
            ++plans[record.plan];
            EXPECT_EQ(record.outcome, Outcome::kAnswered) << record.reason;
            EXPECT_LT(max_relative_difference(whole_answer(noise_image(1)), scores), 1e-4);
          });
  });
  const auto answered_by = [&](const std::string& plan) {
    const std::lock_guard lock(mutex);
    return plans[plan] >= 20;
  };
  const std::string first = small_cut().plan.name;
  EXPECT_TRUE(eventually([&] { return answered_by(first); }));
  const LoadedPlan offload = offload_plan(small_network(), "small", "raw", options_for());
  source.set_ladder({offload});
  EXPECT_TRUE(eventually([&] { return answered_by(offload.plan.name); }));
  enough = true;
  camera.join();
  EXPECT_TRUE(source.drain());
  for (const auto& [frame, count] : answers) EXPECT_EQ(count, 1);
  AgentClient client("edge", agent.address(), {});
  EXPECT_TRUE(eventually([&] { return client.stats().parts_size() == 1; }))
      << "the old plan's part is let go";
}

TEST(System, ALiveSourceDropsItsOldestWaitingFrame) {
  Agent agent({});
  Cluster cluster =
      two_machines(agent.address(), {.bandwidth = 1e6, .latency = Seconds{0.05}, .trace = nullptr});
  Source source({small_cut()}, cluster, {.live = true, .max_in_flight = 1, .max_waiting = 1});
  std::mutex mutex;
  std::vector<std::pair<std::uint32_t, Outcome>> outcomes;
  for (std::uint64_t i = 0; i < 4; ++i)
    source.submit({.input = noise_image(i)}, [&](const FrameRecord& record, const Tensor&) {
      const std::lock_guard lock(mutex);
      outcomes.emplace_back(record.key.frame, record.outcome);
    });
  EXPECT_TRUE(source.drain());
  std::ranges::sort(outcomes);
  const std::vector<std::pair<std::uint32_t, Outcome>> expected{{0, Outcome::kAnswered},
                                                                {1, Outcome::kDropped},
                                                                {2, Outcome::kDropped},
                                                                {3, Outcome::kAnswered}};
  EXPECT_EQ(outcomes, expected);
}

TEST(System, ALinkTooSlowForTheDeadlineIsAnsweredLocallyInTime) {
  Agent agent({});
  StrategyOptions options = options_for();
  options.deadline = Seconds{1};
  const LinkProfile link{
      .name = "crawling", .bandwidth = 1e3, .latency = Seconds{0.01}, .trace = nullptr};
  Source source({small_cut("f32", options)}, two_machines(agent.address(), link));
  const auto answer = source.ask({.input = noise_image(1)});
  EXPECT_EQ(answer.record.outcome, Outcome::kAnsweredLocally);
  EXPECT_EQ(answer.record.reason, "no answer in time");
  EXPECT_LE(answer.record.capture_to_output.count(), 1);
  EXPECT_LT(max_relative_difference(whole_answer(noise_image(1)), answer.scores), 1e-5);
}

// camera -> relay -> edge. (A plan needs the last link, on which the answer could go; it comes back
// by the relay.)
Cluster chain(const std::string& relay, const std::string& edge) {
  Cluster cluster = two_machines(edge);
  cluster.machines.push_back({.name = "relay", .address = relay});
  cluster.links = {{.a = "camera", .b = "relay", .up = {}, .down = {}},
                   {.a = "relay", .b = "edge", .up = {}, .down = {}},
                   {.a = "camera", .b = "edge", .up = {}, .down = {}}};
  return cluster;
}

LoadedPlan chain_plan() {
  const std::vector<std::string> cut{"cut"};
  return place(cut_graph(small_network(), cut), {{"head", "relay"}, {"tail", "edge"}}, {},
               options_for().input);
}

TEST(System, AnswersComeBackAlongAChain) {
  Agent relay({});
  Agent edge({});
  Source source({chain_plan()}, chain(relay.address(), edge.address()));
  const auto answer = source.ask({.input = noise_image(1)});
  ASSERT_EQ(answer.record.outcome, Outcome::kAnswered) << answer.record.reason;
  EXPECT_LT(max_relative_difference(whole_answer(noise_image(1)), answer.scores), 1e-5);
  std::set<std::string> machines;
  for (const Span& span : answer.record.spans) machines.insert(span.machine);
  EXPECT_EQ(machines, (std::set<std::string>{"camera", "relay", "edge"}));
}

TEST(System, ACutBehindTheNextMachineIsRefusedToTheSource) {
  Agent relay({});
  auto edge = std::make_unique<Agent>(AgentOptions{});
  Source source({chain_plan()}, chain(relay.address(), edge->address()), {.deadline = Seconds{2}});
  ASSERT_EQ(source.ask({.input = noise_image(1)}).record.outcome, Outcome::kAnswered);
  edge.reset();
  const auto answer = source.ask({.input = noise_image(1)});
  EXPECT_EQ(answer.record.outcome, Outcome::kAnsweredLocally);
  EXPECT_NE(answer.record.reason.find("edge"), std::string::npos) << answer.record.reason;
  EXPECT_LE(answer.record.capture_to_output.count(), 2);
}

TEST(System, StopEndsInTimeWithFramesOnTheirWay) {
  Agent agent({});
  const LinkProfile link{
      .name = "crawling", .bandwidth = 1e3, .latency = Seconds{0.01}, .trace = nullptr};
  Source source({small_cut()}, two_machines(agent.address(), link));
  std::atomic<int> answers = 0;
  for (int i = 0; i < 3; ++i)
    source.submit({.input = noise_image(1)}, [&](const FrameRecord&, const Tensor&) { ++answers; });
  const Seconds start = system_clock().now();
  const Trace trace = source.stop(Seconds{2});
  EXPECT_LT((system_clock().now() - start).count(), 5);
  EXPECT_EQ(answers, 3);
  for (const FrameRecord& record : trace.frames)
    EXPECT_EQ(record.outcome, Outcome::kAnsweredLocally) << record.reason;
}

}  // namespace
}  // namespace isthmus
