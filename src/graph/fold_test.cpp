#include "graph/fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/builder.h"
#include "graph/evaluate.h"
#include "graph/shapes.h"

namespace isthmus {
namespace {

using testing::ElementsAre;

std::vector<std::string> ops_of(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes) ops.push_back(node.op);
  return ops;
}

std::string shape_of(const Graph& graph, const std::string& tensor) {
  const Value value = graph.value_of(tensor);
  return value.has_shape ? to_string(value.shape) : "unknown";
}

TEST(FoldConstants, ReplacesAChainOnStaticExtents) {
  const Graph graph = parse_graph_text(R"(
    net (float[N, 8, 4, 4] x) => (float[N, A, B] y) {
      s = Shape(x)
      one = Constant <value = int64[1] {1}> ()
      c = Gather(s, one)
      minus = Constant <value = int64[1] {-1}> ()
      zero = Constant <value = int64[1] {0}> ()
      target = Concat <axis = 0> (zero, c, minus)
      y = Reshape(x, target)
    })");
  // The shape as a whole has a dynamic extent, so Shape and Gather stay; what they give is known
  // all the same.
  EXPECT_EQ(shape_of(graph, "y"), "?x8x16");
}

TEST(FoldConstants, RemovesWhatNothingUsesThen) {
  const Graph graph = parse_graph_text(R"(
    net (float[2, 8, 4, 4] x) => (float[A, B] y) {
      s = Shape(x)
      zero = Constant <value = int64[1] {0}> ()
      n = Gather(s, zero)
      minus = Constant <value = int64[1] {-1}> ()
      target = Concat <axis = 0> (n, minus)
      y = Reshape(x, target)
    })");
  EXPECT_THAT(ops_of(graph), ElementsAre("Reshape"));
  ASSERT_EQ(graph.initializers.size(), 1U);
  EXPECT_THAT(graph.initializers.at("target").tensor.values<std::int64_t>(), ElementsAre(2, -1));
  EXPECT_EQ(shape_of(graph, "y"), "2x128");
}

// What PyTorch writes for padding the channels of a shortcut ("option A" of He et al. 2015).
TEST(FoldConstants, KnowsTheShapeBehindAPadOfComputedWidth) {
  const Graph graph = parse_graph_text(R"(
    net (float[N, 4, 8, 8] x) => (float[A, B, C, D] y) {
      pads = Constant <value = int64[6] {0, 0, 0, 0, 2, 2}> ()
      six = Constant <value = int64[1] {2}> ()
      fill = ConstantOfShape <value = int64[1] {0}> (six)
      all = Concat <axis = 0> (pads, fill)
      two = Constant <value = int64[2] {-1, 2}> ()
      pairs = Reshape(all, two)
      z = Constant <value = int64[1] {0}> ()
      from = Constant <value = int64[1] {-1}> ()
      to = Constant <value = int64[1] {-9223372036854775807}> ()
      step = Constant <value = int64[1] {-1}> ()
      turned = Slice(pairs, from, to, z, step)
      across = Transpose <perm = [1, 0]> (turned)
      flat = Constant <value = int64[1] {-1}> ()
      list = Reshape(across, flat)
      wide = Cast <to = 7> (list)
      y = Pad(x, wide)
    })");
  EXPECT_THAT(ops_of(graph), ElementsAre("Pad"));
  EXPECT_THAT(graph.initializers.at("wide").tensor.values<std::int64_t>(),
              ElementsAre(0, 2, 0, 0, 0, 2, 0, 0));
  EXPECT_EQ(shape_of(graph, "y"), "?x8x8x8");
}

TEST(FoldConstants, LeavesWhatDependsOnDataOrIsAnOutput) {
  const Graph graph = parse_graph_text(R"(
    net (float[2, 3] x) => (float[2, 3] y, int64[2] s) {
      y = Relu(x)
      s = Shape(x)
    })");
  EXPECT_THAT(ops_of(graph), ElementsAre("Relu", "Shape"));
}

TEST(FoldConstants, KeepsDeadNodesThatItDidNotMakeSo) {
  const Graph graph =
      parse_graph_text("net (float[2] x) => (float[2] y) { y = Relu(x) dead = Abs(x) }");
  EXPECT_THAT(ops_of(graph), ElementsAre("Relu", "Abs"));
}

TEST(FoldConstants, SharesWeightsBehindAnIdentity) {
  GraphBuilder net("tied");
  const std::string x = net.input("x", {-1, 2});
  net.weight("w", Tensor::of<float>({2, 2}, std::vector<float>{1, 2, 3, 4}));
  net.output(net.op("MatMul", {x, net.op("Identity", {"w"}, {}, "same")}));
  Graph graph = net.build();
  fold_constants(graph);
  EXPECT_THAT(ops_of(graph), ElementsAre("MatMul"));
  EXPECT_EQ(graph.initializers.size(), 1U);
  EXPECT_TRUE(graph.initializers.contains("same"));
}

TEST(FoldConstants, DoesNotMakeBigTensors) {
  const Graph graph = parse_graph_text(R"(
    net (float[1] x) => (float[A, B] y) {
      size = Constant <value = int64[2] {1000000, 1000000}> ()
      big = ConstantOfShape (size)
      y = Add(x, big)
    })");
  EXPECT_THAT(ops_of(graph), ElementsAre("ConstantOfShape", "Add"));
  EXPECT_EQ(shape_of(graph, "y"), "1000000x1000000");
}

Tensor list(std::vector<std::int64_t> values) {
  return Tensor::of({static_cast<std::int64_t>(values.size())}, values);
}

std::vector<std::int64_t> evaluated(const std::string& op, const std::vector<Tensor>& inputs,
                                    const Attributes& attributes = {}) {
  Node node{.name = op, .op = op, .inputs = {}, .outputs = {"y"}, .attributes = attributes};
  std::vector<const Tensor*> pointers;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    node.inputs.push_back("x" + std::to_string(i));
    pointers.push_back(inputs[i].empty() ? nullptr : &inputs[i]);
  }
  const auto results = evaluate_node(node, pointers, 13, 100);
  if (results.empty() || results[0].dtype() != DType::kI64) return {-99};
  const auto values = results[0].values<std::int64_t>();
  return {values.begin(), values.end()};
}

TEST(EvaluateNode, SlicesAsNumPyDoes) {
  const Tensor x = list({0, 1, 2, 3, 4});
  const auto slice = [&](std::int64_t from, std::int64_t to, std::int64_t step) {
    return evaluated("Slice", {x, list({from}), list({to}), list({0}), list({step})});
  };
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kStart = std::numeric_limits<std::int64_t>::min();
  EXPECT_THAT(slice(1, 3, 1), ElementsAre(1, 2));
  EXPECT_THAT(slice(-2, kEnd, 1), ElementsAre(3, 4));
  EXPECT_THAT(slice(0, kEnd, 2), ElementsAre(0, 2, 4));
  EXPECT_THAT(slice(-1, kStart, -1), ElementsAre(4, 3, 2, 1, 0));
  EXPECT_THAT(slice(kEnd, kStart, -2), ElementsAre(4, 2, 0));
  EXPECT_THAT(slice(3, 1, -1), ElementsAre(3, 2));
  EXPECT_THAT(slice(0, kStart, -1), ElementsAre(0));
  EXPECT_THAT(slice(4, 1, 1), ElementsAre());
  EXPECT_THAT(slice(1, 4, -1), ElementsAre());
  EXPECT_THAT(slice(1, 4, kStart), ElementsAre(-99));
  EXPECT_THAT(slice(0, kEnd, kEnd), ElementsAre(0));
  EXPECT_THAT(evaluated("Slice", {list({}), list({5}), list({-5}), list({0}), list({-1})}),
              ElementsAre());
}

TEST(EvaluateNode, ComputesWhatShapesNeed) {
  const Tensor x = list({6, -7, 8});
  const Tensor two = list({2});
  EXPECT_THAT(evaluated("Add", {x, two}), ElementsAre(8, -5, 10));
  EXPECT_THAT(evaluated("Div", {x, two}), ElementsAre(3, -3, 4));
  EXPECT_THAT(evaluated("Mod", {x, list({4})}), ElementsAre(2, 1, 0));
  EXPECT_THAT(evaluated("Gather", {x, list({-1, 0})}), ElementsAre(8, 6));
  EXPECT_THAT(evaluated("Concat", {x, two}, {{"axis", 0}}), ElementsAre(6, -7, 8, 2));
  EXPECT_THAT(evaluated("Neg", {x}), ElementsAre(-6, 7, -8));
  EXPECT_THAT(evaluated("ReduceProd", {x}, {{"keepdims", 0}}), ElementsAre(-336));
  EXPECT_THAT(evaluated("Range", {Tensor::scalar<std::int64_t>(1), Tensor::scalar<std::int64_t>(8),
                                  Tensor::scalar<std::int64_t>(3)}),
              ElementsAre(1, 4, 7));
  EXPECT_THAT(evaluated("Expand", {two, list({3})}), ElementsAre(2, 2, 2));
  EXPECT_THAT(evaluated("Unsqueeze", {x, list({0})}), ElementsAre(6, -7, 8));
  EXPECT_THAT(
      evaluated("Cast", {Tensor::of<float>({2}, std::vector<float>{2.9F, -2.9F})}, {{"to", 7}}),
      ElementsAre(2, -2));
}

TEST(EvaluateNode, HasNoAnswerForWrongNodes) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  const std::vector<std::int64_t> none = {-99};
  EXPECT_EQ(evaluated("Div", {list({1}), list({0})}), none);
  EXPECT_EQ(evaluated("Div", {list({kLowest}), list({-1})}), none);
  EXPECT_EQ(evaluated("Neg", {list({kLowest})}), none);
  EXPECT_EQ(evaluated("Mul", {list({kLowest}), list({2})}), none);
  EXPECT_EQ(evaluated("Add", {list({1, 2}), list({1, 2, 3})}), none);
  EXPECT_EQ(evaluated("Gather", {list({1}), list({1})}), none);
  EXPECT_EQ(evaluated("Add", {list({1}), Tensor()}), none);
  EXPECT_EQ(evaluated("ConstantOfShape", {list({1'000'000'000})}), none);
  EXPECT_EQ(evaluated("Cast", {Tensor::scalar(1e30F)}, {{"to", 7}}), none);
  EXPECT_EQ(evaluated("Concat", {list({1})}, {{"axis", "left"}}), none);
}

}  // namespace
}  // namespace isthmus
