#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <thread>

#include "core/error.h"
#include "engine/difference.h"
#include "engine/evict.h"
#include "engine/random_tensor.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorKind::kIo, ""};
}

Graph small_network() {
  GraphBuilder net("small");
  std::string x = net.input("image", {-1, 3, 16, 16});
  x = net.relu(net.batch_norm(net.conv(x, 8, {.kernel = {3}, .pad = {1}})));
  net.output(net.gemm(net.flatten(net.global_average_pool(x)), 10, "logits"));
  return net.build();
}

TEST(Engine, ComputesTheSameAfterItsWeightsWereEvicted) {
  GraphBuilder net("dense");
  net.output(net.gemm(net.input("x", {-1, 300}), 500, "y"));
  const auto engine = make_engine(net.build());
  const Tensor x = random_tensor(DType::kF32, {1, 300}, /*seed=*/1);
  const Tensor before = engine->run({&x, 1})[0];
  engine->evict_weights();
  EXPECT_EQ(tensor_difference(before, engine->run({&x, 1})[0]), 0);
}

TEST(EvictFromCaches, TakesBytesAtAnyPlace) {
  const std::vector<std::byte> bytes(1000, std::byte{7});
  for (const std::size_t begin : {0U, 1U, 63U})
    for (const std::size_t count : {0U, 1U, 64U, 900U})
      evict_from_caches(std::span(bytes).subspan(begin, count));
  EXPECT_EQ(std::ranges::count(bytes, std::byte{7}), 1000);
}

TEST(Engine, RunsANetworkAndDescribesItsEnds) {
  const auto engine =
      make_engine(parse_graph_text("net (float[N, 2] x) => (float[N, 2] y, float[N, 2] z) "
                                   "{ y = Neg(x) z = Abs(x) }"));
  ASSERT_EQ(engine->inputs().size(), 1U);
  EXPECT_EQ(engine->inputs()[0].name, "x");
  EXPECT_EQ(engine->inputs()[0].shape, (Shape{-1, 2}));
  ASSERT_EQ(engine->outputs().size(), 2U);
  EXPECT_EQ(engine->outputs()[1].name, "z");
  const Tensor x = Tensor::of<float>({2, 2}, {1, -2, 3, -4});
  const auto outputs = engine->run({&x, 1});
  EXPECT_EQ(outputs[0].shape(), (Shape{2, 2}));
  EXPECT_THAT(outputs[0].values<float>(), ElementsAre(-1, 2, -3, 4));
  EXPECT_THAT(outputs[1].values<float>(), ElementsAre(1, 2, 3, 4));
}

TEST(Engine, GivesTheSameWithAndWithoutTheLibrarysOptimisations) {
  const Graph graph = small_network();
  const Tensor image = random_tensor(DType::kF32, {1, 3, 16, 16}, /*seed=*/3);
  const auto fast = make_engine(graph)->run({&image, 1});
  const auto plain = make_engine(graph, {.threads = 2, .optimise = false})->run({&image, 1});
  EXPECT_LT(tensor_difference(plain[0], fast[0]), 1e-5);
  EXPECT_EQ(fast[0].shape(), (Shape{1, 10}));
}

TEST(Engine, OutputsOutliveTheEngine) {
  auto engine = make_engine(small_network());
  const Tensor image = random_tensor(DType::kF32, {4, 3, 16, 16}, 1);
  const auto first = engine->run({&image, 1});
  const std::vector<double> before = as_doubles(first[0]);
  engine->run({&image, 1});
  engine.reset();
  EXPECT_EQ(as_doubles(first[0]), before);
}

TEST(Engine, AnswersManyThreadsAlike) {
  const auto engine = make_engine(small_network());
  const Tensor image = random_tensor(DType::kF32, {1, 3, 16, 16}, 1);
  const auto expected = engine->run({&image, 1});
  std::vector<std::thread> threads;
  std::vector<double> differences(4, 1);
  for (double& difference : differences)
    threads.emplace_back([&] {
      difference = 0;
      for (int i = 0; i < 20; ++i)
        difference =
            std::max(difference, tensor_difference(expected[0], engine->run({&image, 1})[0]));
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(differences, testing::Each(0));
}

TEST(Engine, TakesEmptyAndScalarTensors) {
  const auto engine = make_engine(
      parse_graph_text("net (float[N, 2] x, float s) => (float[N, 2] y) { y = Mul(x, s) }"));
  const std::vector<Tensor> none = {Tensor(DType::kF32, {0, 2}), Tensor::scalar(3.0F)};
  EXPECT_EQ(engine->run(none)[0].shape(), (Shape{0, 2}));
  const std::vector<Tensor> one = {Tensor::of<float>({1, 2}, {1, 2}), Tensor::scalar(3.0F)};
  EXPECT_THAT(engine->run(one)[0].values<float>(), ElementsAre(3, 6));
}

TEST(Engine, NamesTheInputThatDoesNotFit) {
  const auto engine = make_engine(small_network());
  const Tensor small(DType::kF32, {1, 3, 8, 8});
  const Error shape = error_of([&] { engine->run({&small, 1}); });
  EXPECT_EQ(shape.kind(), ErrorKind::kInvalid);
  EXPECT_STREQ(shape.what(), "small: input image must be float32 ?x3x16x16, got float32 1x3x8x8");
  const Tensor bytes(DType::kU8, {1, 3, 16, 16});
  EXPECT_THAT(error_of([&] { engine->run({&bytes, 1}); }).what(), HasSubstr("got uint8"));
  EXPECT_THAT(error_of([&] { engine->run({}); }).what(), HasSubstr("1 inputs wanted, got 0"));
}

TEST(Engine, NamesNodeAndOperatorThatItDoesNotKnow) {
  GraphBuilder net("strange");
  const std::string x = net.input("x", {1, 3});
  net.output(net.op("Frobnicate", {net.relu(x)}, {}, "mystery", "com.acme"));
  Graph graph = net.build();
  graph.opsets["com.acme"] = 1;
  const Error error = error_of([&] { make_engine(graph); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("mystery"), HasSubstr("com.acme.Frobnicate")));
}

TEST(Engine, NamesTheNodeThatFailsInARun) {
  const auto engine = make_engine(parse_graph_text(
      "net (float[N, M] x, float[K, 4] w) => (float[N, 4] y) { y = MatMul(x, w) }"));
  const std::vector<Tensor> inputs = {Tensor(DType::kF32, {2, 3}), Tensor(DType::kF32, {5, 4})};
  const Error error = error_of([&] { engine->run(inputs); });
  EXPECT_THAT(error.what(), AllOf(HasSubstr("(MatMul)"), HasSubstr("dimension mismatch")));
  EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
}

TEST(Engine, SaysWhichIrVersionItTakes) {
  Graph graph = small_network();
  graph.ir_version = 99;
  const Error error = error_of([&] { make_engine(graph); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("IR version 99"), HasSubstr("ir_version 10 or lower")));
}

TEST(Engine, RefusesBytesThatAreNoModel) {
  const Error error = error_of([] { make_engine("no model", "junk.onnx"); });
  EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
  EXPECT_THAT(error.what(), HasSubstr("junk.onnx"));
}

TEST(Engine, RefusesImpossibleOptions) {
  for (const EngineOptions& bad : {EngineOptions{.threads = 0}, EngineOptions{.memory_limit = -1}})
    EXPECT_EQ(error_of([&] { make_engine(small_network(), bad); }).kind(), ErrorKind::kInvalid);
}

// 4 MB of weights, 1 MB of activations per image.
Graph heavy_network() {
  GraphBuilder net("heavy");
  const std::string x = net.input("x", {-1, 1024});
  const std::string wide = net.op(
      "Tile", {net.gemm(x, 1024), net.weight("repeats", Tensor::of<std::int64_t>({2}, {1, 256}))});
  net.output(net.op("ReduceSum", {net.relu(wide)}));
  return net.build();
}

TEST(EngineMemory, LoadingPastTheLimitIsAnError) {
  const Error error = error_of([] { make_engine(heavy_network(), {.memory_limit = 1 << 20}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("memory limit of 1.05 MB exceeded"));
}

TEST(EngineMemory, WeightsThatFitOnceLoad) {
  const auto engine = make_engine(heavy_network(), {.memory_limit = 7 << 20});
  const Tensor one = random_tensor(DType::kF32, {1, 1024}, 1);
  const auto free = make_engine(heavy_network());
  EXPECT_LT(max_relative_difference(free->run({&one, 1})[0], engine->run({&one, 1})[0]), 1e-5);
}

TEST(EngineMemory, WeightsOfMatrixProductsAreHeldOnce) {
  auto graph = std::make_unique<Graph>(heavy_network());
  const auto copied = make_engine(to_onnx(*graph), "heavy", {});
  // 4.2 MB of weights and 2.1 MB for a run with one image.
  const auto shared = make_engine(*graph, {.memory_limit = 7 << 20});
  graph.reset();
  const Tensor x = random_tensor(DType::kF32, {1, 1024}, 1);
  EXPECT_LT(max_relative_difference(copied->run({&x, 1})[0], shared->run({&x, 1})[0]), 1e-5);
}

TEST(EngineMemory, AWeightThatTheOptimiserFoldsIsCopied) {
  const Tensor weight = random_tensor(DType::kF32, {256, 256}, 1);
  GraphBuilder net("folded");
  const std::string x = net.input("x", {1, 256});
  const std::string w = net.weight("w", weight);
  net.output(net.op("MatMul", {x, net.op("Neg", {w})}));
  const std::string twice = net.op("MatMul", {x, w});
  net.output(twice);
  const auto engine = make_engine(net.build());
  const Tensor one = random_tensor(DType::kF32, {1, 256}, 2);
  const auto outputs = engine->run({&one, 1});
  ASSERT_EQ(outputs.size(), 2U);
  for (std::size_t i = 0; i < 256; ++i)
    EXPECT_NEAR(outputs[0].values<float>()[i], -outputs[1].values<float>()[i], 1e-4);
}

TEST(EngineMemory, ARunPastTheLimitIsAnErrorAndTheNextOneWorks) {
  const auto engine = make_engine(heavy_network(), {.memory_limit = 24 << 20});
  const Tensor one = random_tensor(DType::kF32, {1, 1024}, 1);
  const Tensor many = random_tensor(DType::kF32, {64, 1024}, 1);
  const auto before = engine->run({&one, 1});
  const Error error = error_of([&] { engine->run({&many, 1}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("memory limit of"));
  EXPECT_EQ(tensor_difference(before[0], engine->run({&one, 1})[0]), 0);
}

TEST(EngineMemory, ARunWaitsForOutputsThatSomebodyKeeps) {
  const Graph graph = parse_graph_text("net (float[N] x) => (float[N] y) { y = Neg(x) }");
  const Tensor x(DType::kF32, {100'000});
  const auto engine = make_engine(graph, {.memory_limit = 1 << 20, .patience = Seconds{60}});
  auto first = engine->run({&x, 1});
  auto second = engine->run({&x, 1});
  auto third = std::async(std::launch::async, [&] { return engine->run({&x, 1}); });
  first.clear();
  EXPECT_EQ(third.get().size(), 1U);
  // Not where nobody keeps any.
  const Tensor large(DType::kF32, {300'000});
  second.clear();
  const Seconds began = system_clock().now();
  EXPECT_THROW(engine->run({&large, 1}), Error);
  EXPECT_LT((system_clock().now() - began).count(), 30);
  // Nor for ever.
  const auto hasty = make_engine(graph, {.memory_limit = 1 << 20, .patience = Seconds{0.01}});
  const auto kept = hasty->run({&x, 1});
  const auto more = hasty->run({&x, 1});
  EXPECT_THROW(hasty->run({&x, 1}), Error);
}

TEST(EngineMemory, SaysWhetherAnotherRunHasRoom) {
  const Graph graph = parse_graph_text("net (float[N] x) => (float[N] y) { y = Neg(x) }");
  const Tensor x(DType::kF32, {100'000});
  const auto engine = make_engine(graph, {.memory_limit = 1 << 20});
  EXPECT_TRUE(engine->has_room());
  auto first = engine->run({&x, 1});
  EXPECT_TRUE(engine->has_room());
  auto second = engine->run({&x, 1});
  EXPECT_FALSE(engine->has_room());
  first.clear();
  EXPECT_TRUE(engine->has_room());
}

TEST(EngineMemory, WhatIsKeptOfTheOutputsCountsUntilItIsLetGo) {
  const Graph graph = parse_graph_text("net (float[N] x) => (float[N] y) { y = Neg(x) }");
  auto engine = make_engine(graph, {.memory_limit = 1 << 20});
  const Tensor x(DType::kF32, {100'000});
  auto first = engine->run({&x, 1});
  auto second = engine->run({&x, 1});
  EXPECT_THROW(engine->run({&x, 1}), Error);
  first.clear();
  EXPECT_NO_THROW(engine->run({&x, 1}));
  engine.reset();
  second.clear();
}

TEST(EngineMemory, LimitsHoldForEachEngineAlone) {
  const auto limited = make_engine(heavy_network(), {.memory_limit = 24 << 20});
  const auto free = make_engine(heavy_network());
  const Tensor many = random_tensor(DType::kF32, {64, 1024}, 1);
  EXPECT_NO_THROW(free->run({&many, 1}));
  EXPECT_THROW(limited->run({&many, 1}), Error);
}

TEST(BatchIsFree, SeesWhetherImagesMix) {
  struct Case {
    const char* why;
    const char* graph;
    bool free;
  };
  for (const Case& c : {
           Case{"per image", "net (float[N, 4] x) => (float[N, 4] y) { y = Softmax<axis = 1>(x) }",
                true},
           Case{"fixed batch", "net (float[1, 4] x) => (float[1, 4] y) { y = Relu(x) }", false},
           Case{"images mix", "net (float[N, 4] x) => (float[N, 4] y) { y = Softmax<axis = 0>(x) }",
                false},
           Case{"constant 1 inside",
                "net (float[N, 4] x) => (float[1, 4] y) { s = Constant<value = int64[2] {1, 4}>() "
                "y = Reshape(x, s) }",
                false},
           Case{"batch lost",
                "net (float[N, 4] x) => (float[1] y) { y = ReduceMean<keepdims = 0>(x) }", false},
       }) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(batch_is_free(*make_engine(parse_graph_text(c.graph))), c.free);
  }
  EXPECT_TRUE(batch_is_free(*make_engine(small_network())));
}

}  // namespace
}  // namespace isthmus
