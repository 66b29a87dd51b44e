#include "graph/builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

TEST(GraphBuilder, KnowsTheShapesAsItGoes) {
  GraphBuilder net("n");
  const std::string x = net.input("x", {-1, 3, 16, 112, 112});
  const std::string y = net.conv(x, 64, {.kernel = {3}, .pad = {1}, .name = "conv1"});
  EXPECT_EQ(y, "conv1");
  EXPECT_EQ(net.shape_of(y), (Shape{-1, 64, 16, 112, 112}));
  const std::string p = net.max_pool(y, {.kernel = {1, 2, 2}, .stride = {1, 2, 2}});
  EXPECT_EQ(net.shape_of(p), (Shape{-1, 64, 16, 56, 56}));
  EXPECT_EQ(net.channels_of(p), 64);
  EXPECT_EQ(net.shape_of(net.global_average_pool(p)), (Shape{-1, 64, 1, 1, 1}));
}

TEST(GraphBuilder, TakesPadsOnBothSidesOrOneByOne) {
  GraphBuilder net("n");
  const std::string x = net.input("x", {-1, 1, 10, 10});
  EXPECT_EQ(net.shape_of(net.average_pool(x, {.kernel = {3}, .pad = {1}})), (Shape{-1, 1, 10, 10}));
  EXPECT_EQ(net.shape_of(net.average_pool(x, {.kernel = {3}, .pad = {1, 0}})),
            (Shape{-1, 1, 10, 8}));
  EXPECT_EQ(net.shape_of(net.average_pool(x, {.kernel = {3}, .pad = {0, 0, 0, 1}})),
            (Shape{-1, 1, 8, 9}));
  EXPECT_EQ(net.shape_of(net.max_pool(x, {.kernel = {3}, .stride = {2}, .ceil_mode = true})),
            (Shape{-1, 1, 5, 5}));
}

TEST(GraphBuilder, EnlargesWithATransposedConvolution) {
  GraphBuilder net("n");
  const std::string x = net.input("x", {-1, 12, 7, 9});
  const std::string twice =
      net.deconv(x, 32, {.kernel = {4}, .stride = {2}, .pad = {1}, .name = "up"});
  EXPECT_EQ(net.shape_of(twice), (Shape{-1, 32, 14, 18}));
  EXPECT_EQ(net.shape_of("up.weight"), (Shape{12, 32, 4, 4}));
  EXPECT_EQ(net.shape_of(net.deconv(x, 5, {.kernel = {3}, .bias = true})), (Shape{-1, 5, 9, 11}));
  EXPECT_THROW(net.deconv(x, 12, {.kernel = {3}, .groups = 12}), Error);
}

TEST(GraphBuilder, MakesEqualGraphsFromEqualSeeds) {
  const auto make = [](std::uint64_t seed) {
    GraphBuilder net("n", {.seed = seed});
    net.output(net.gemm(net.input("x", {-1, 8}), 4));
    return to_onnx(net.build());
  };
  EXPECT_EQ(make(3), make(3));
  EXPECT_NE(make(3), make(4));
}

TEST(GraphBuilder, DrawsWeightsAsHeDoes) {
  GraphBuilder net("n");
  net.conv(net.input("x", {-1, 64, 8, 8}), 64, {.kernel = {3}, .name = "c"});
  net.output("c");
  double squares = 0;
  const Tensor weights = net.build().initializers.at("c.weight").tensor;
  for (const float value : weights.values<float>()) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(squares / static_cast<double>(weights.size()), 2.0 / (64 * 9), 0.05 * 2.0 / 576);
}

TEST(GraphBuilder, RefusesWhatCannotBe) {
  GraphBuilder net("n");
  const std::string x = net.input("x", {-1, 6, 8, 8});
  net.relu(x, "r");
  EXPECT_THROW(net.relu(x, "r"), Error);
  EXPECT_THROW(net.input("x", {-1}), Error);
  EXPECT_THROW(net.relu("nothing"), Error);
  EXPECT_THROW(net.conv(x, 4, {.groups = 4}), Error);
  EXPECT_THROW(net.conv(x, 4, {.kernel = {1, 2, 3}}), Error);
  EXPECT_THROW(net.gemm(x, 4), Error);
  EXPECT_THROW(net.output("q"), Error);
  EXPECT_THROW(net.build(), Error);
}

TEST(GraphBuilder, GoesOnAfterBuilding) {
  GraphBuilder net("n");
  std::string x = net.relu(net.input("x", {-1, 4}));
  net.output(x);
  EXPECT_EQ(net.build().nodes.size(), 1U);
  net.output(net.relu(x));
  const Graph graph = net.build();
  EXPECT_EQ(graph.nodes.size(), 2U);
  EXPECT_EQ(graph.outputs.size(), 2U);
}

TEST(ParseGraphText, SaysWhereTheTextIsWrong) {
  EXPECT_THROW(parse_graph_text("net (float[2] x) => "), Error);
  EXPECT_THROW(parse_graph_text(""), Error);
}

}  // namespace
}  // namespace isthmus
