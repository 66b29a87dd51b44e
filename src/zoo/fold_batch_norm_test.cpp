#include "zoo/fold_batch_norm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/builder.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

std::size_t count(const Graph& graph, const std::string& op) {
  return static_cast<std::size_t>(
      std::ranges::count_if(graph.nodes, [&](const Node& node) { return node.op == op; }));
}

TEST(FoldBatchNorm, ScalesWeightsAndShiftsTheBias) {
  GraphBuilder net("one");
  const auto x = net.input("x", {-1, 1, 2, 2});
  const auto w = net.weight("w", Tensor::of<float>({1, 1, 1, 1}, {3.0F}));
  const auto b = net.weight("b", Tensor::of<float>({1}, {5.0F}));
  const auto conv = net.op("Conv", {x, w, b}, {}, "conv");
  const auto one = [&](const std::string& name, float value) {
    return net.weight(name, Tensor::of<float>({1}, {value}));
  };
  net.output(net.op("BatchNormalization",
                    {conv, one("gamma", 2), one("beta", 7), one("mean", 1), one("var", 3)},
                    {{"epsilon", 1.0F}}, "norm"));
  Graph graph = net.build();
  fold_batch_norm(graph);
  ASSERT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.nodes[0].outputs[0], "norm");
  // s = 2 / sqrt(3 + 1) = 1.
  const auto value = [&](int input) {
    return graph.initializers.at(graph.nodes[0].inputs[static_cast<std::size_t>(input)])
        .tensor.values<float>()[0];
  };
  EXPECT_FLOAT_EQ(value(1), 3);
  EXPECT_FLOAT_EQ(value(2), 1 * (5 - 1) + 7);
  EXPECT_EQ(graph.initializers.size(), 2U);
}

TEST(FoldBatchNorm, LeavesAConvolutionWithOtherUsersAlone) {
  GraphBuilder net("shared");
  const auto conv = net.conv(net.input("x", {-1, 2, 4, 4}), 2, {});
  net.output(net.add(net.batch_norm(conv), conv));
  Graph graph = net.build();
  fold_batch_norm(graph);
  EXPECT_EQ(count(graph, "BatchNormalization"), 1U);
}

TEST(FoldBatchNorm, LeavesNoneInAResNetAndTheFirstOfEachLayerInADenseNet) {
  EXPECT_EQ(count(build_network("resnet18", {.fold_batch_norm = true}), "BatchNormalization"), 0U);
  // One of two in each of 58 layers, one in each of 3 transitions, the last.
  EXPECT_EQ(count(build_network("densenet121", {.fold_batch_norm = true}), "BatchNormalization"),
            58U + 3 + 1);
}

}  // namespace
}  // namespace isthmus
