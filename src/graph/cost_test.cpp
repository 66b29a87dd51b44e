#include "graph/cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/builder.h"
#include "graph/macs.h"

namespace isthmus {
namespace {

using testing::ElementsAre;

std::int64_t macs(const std::function<std::string(GraphBuilder&)>& layer) {
  GraphBuilder net("n");
  net.output(layer(net));
  return cost_of(net.build()).macs;
}

TEST(MacsOf, CountsEachMultiplyAddOnce) {
  // 6x6 outputs, 8 of them, each of 3 channels of 3x3.
  EXPECT_EQ(macs([](GraphBuilder& n) {
              return n.conv(n.input("x", {-1, 3, 8, 8}), 8, {.kernel = {3}, .bias = true});
            }),
            6 * 6 * 8 * 3 * 9);
  // Groups divide the channels, dilation and padding only the extents.
  EXPECT_EQ(macs([](GraphBuilder& n) {
              return n.conv(n.input("x", {-1, 4, 8, 8}), 8,
                            {.kernel = {3}, .pad = {2}, .dilation = {2}, .groups = 4});
            }),
            8 * 8 * 8 * 1 * 9);
  EXPECT_EQ(macs([](GraphBuilder& n) {
              return n.conv(n.input("x", {-1, 3, 4, 6, 8}), 2,
                            {.kernel = {3, 1, 5}, .pad = {1, 0, 2}});
            }),
            4 * 6 * 8 * 2 * 3 * 15);
  EXPECT_EQ(macs([](GraphBuilder& n) {
              const std::string w = n.random_weight("w", {4, 5, 2, 2}, 1);
              return n.op("ConvTranspose", {n.input("x", {-1, 4, 3, 3}), w},
                          {{"strides", Shape{2, 2}}});
            }),
            4 * 3 * 3 * 5 * 4);
  EXPECT_EQ(macs([](GraphBuilder& n) { return n.gemm(n.input("x", {-1, 20}), 10); }), 200);
  EXPECT_EQ(macs([](GraphBuilder& n) {
              return n.op("MatMul", {n.input("a", {-1, 2, 3, 4}), n.input("b", {-1, 2, 4, 5})});
            }),
            2 * 3 * 4 * 5);
  EXPECT_EQ(macs([](GraphBuilder& n) {
              return n.op("Einsum", {n.input("a", {2, 3, 4}), n.input("b", {2, 4, 5})},
                          {{"equation", "bij,bjk->bik"}});
            }),
            2 * 3 * 4 * 5);
  EXPECT_EQ(macs([](GraphBuilder& n) {
              const std::string w = n.random_weight("w", {1, 4 * 6, 5}, 1);
              const std::string r = n.random_weight("r", {1, 4 * 6, 6}, 1);
              return n.op_with_outputs("LSTM", {n.input("x", {7, 2, 5}), w, r}, 1,
                                       {{"hidden_size", 6}})[0];
            }),
            7 * 2 * 4 * 6 * (5 + 6));
  EXPECT_EQ(macs([](GraphBuilder& n) { return n.relu(n.input("x", {-1, 20})); }), 0);
}

TEST(CostOf, CountsParametersAsPyTorchDoes) {
  GraphBuilder net("n");
  std::string x = net.input("x", {-1, 3, 8, 8});
  x = net.conv(x, 4, {.kernel = {3}, .bias = true, .name = "conv"});  // 4 * 27 + 4
  x = net.batch_norm(x, "bn");  // 4 + 4, and 8 that are not learnt
  x = net.relu6(x);             // Two bounds.
  net.output(net.op("Reshape", {x, net.weight("to", Tensor::of<std::int64_t>(
                                                        {2}, std::vector<std::int64_t>{0, -1}))}));
  const GraphCost cost = cost_of(net.build());
  EXPECT_EQ(cost.params, 112 + 8);
  EXPECT_EQ(cost.weight_bytes, 4 * (112 + 16 + 2) + 16);
  EXPECT_EQ(cost.nodes[0].params, 112);
  EXPECT_EQ(cost.nodes[1].params, 8);
  EXPECT_EQ(cost.nodes[1].weight_bytes, 64);
  EXPECT_EQ(cost.nodes[2].params, 0);
}

TEST(CostOf, CountsASharedWeightOnce) {
  GraphBuilder net("n");
  const std::string w = net.random_weight("w", {4, 4}, 1);
  const std::string x = net.op("MatMul", {net.input("x", {-1, 4}), w});
  net.output(net.op("MatMul", {x, w}));
  const GraphCost cost = cost_of(net.build());
  EXPECT_EQ(cost.params, 16);
  EXPECT_EQ(cost.nodes[0].params + cost.nodes[1].params, 32);
}

TEST(CostOf, FindsThePeakOfTheSchedule) {
  // x (40 bytes) lives until c: a alone, then x + a + b while b is made, then x + b + c.
  const Graph graph = parse_graph_text(R"(
    n (float[N, 10] x) => (float[N, 10] d) {
      a = Relu(x)
      b = Concat <axis = 1> (a, a)
      c = Concat <axis = 1> (x, b)
      d = Slice <starts = [0], ends = [10], axes = [1]> (c)
    })");
  // 40 + 40; 40 + 40 + 80; 40 + 80 + 120; 120 + d.
  const GraphCost cost = cost_of(graph);
  EXPECT_EQ(cost.peak_bytes, 240);
  EXPECT_EQ(cost.nodes[1].input_bytes, 40);
  EXPECT_EQ(cost.nodes[1].output_bytes, 80);
}

TEST(CostOf, NamesTheNodesItCannotTell) {
  GraphBuilder net("n");
  std::string x = net.op("Strange", {net.input("x", {-1, 3})}, {}, "strange", "custom");
  net.output(net.relu(x, "y"));
  const GraphCost cost = cost_of(net.build());
  EXPECT_THAT(cost.unknown, ElementsAre("strange", "y"));
  EXPECT_FALSE(cost.nodes[0].known);
}

TEST(ValueBytes, TakesADynamicBatchForOne) {
  const auto bytes = [](Shape shape) {
    return value_bytes({.dtype = DType::kF32, .shape = std::move(shape), .has_shape = true});
  };
  EXPECT_EQ(bytes({-1, 3}), 12);
  EXPECT_EQ(bytes({5, 3}), 60);
  EXPECT_EQ(bytes({}), 4);
  EXPECT_EQ(bytes({-1, -1}), -1);
  EXPECT_EQ(bytes({std::int64_t{1} << 40, std::int64_t{1} << 40}), -1);
  EXPECT_EQ(value_bytes({}), -1);
}

}  // namespace
}  // namespace isthmus
