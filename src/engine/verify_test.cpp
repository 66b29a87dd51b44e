#include "engine/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "engine/difference.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const char* const kWhole =
    "net (float[N, 4] x) => (float[N, 4] y, float[N, 4] e) "
    "{ a = Neg(x) b = Relu(a) e = Abs(a) c = Add(b, b) y = Neg(c) }";

// head: x -> b, e; tail: b -> y. `factor` is what the head multiplies its b with.
Partition by_hand(const std::string& factor = "1.0") {
  Partition partition{.name = "net"};
  partition.parts.push_back(
      {"head", parse_graph_text("net (float[N, 4] x) => (float[N, 4] b, float[N, 4] e) "
                                "{ a = Neg(x) r = Relu(a) k = Constant<value = float {" +
                                factor + "}>() b = Mul(r, k) e = Abs(a) }")});
  partition.parts.push_back(
      {"tail",
       parse_graph_text("net (float[N, 4] b) => (float[N, 4] y) { c = Add(b, b) y = Neg(c) }")});
  partition.edges = {{"", "x", "head", "x"},
                     {"head", "b", "tail", "b"},
                     {"tail", "y", "", "y"},
                     {"head", "e", "", "e"}};
  return partition;
}

TEST(PartitionRunner, RunsThePartsInOrder) {
  Partition partition = by_hand();
  std::swap(partition.parts[0], partition.parts[1]);
  const PartitionRunner runner(partition);
  ASSERT_EQ(runner.inputs().size(), 1U);
  EXPECT_EQ(runner.inputs()[0].name, "x");
  ASSERT_EQ(runner.outputs().size(), 2U);
  EXPECT_EQ(runner.outputs()[1].name, "e");
  const Tensor x = Tensor::of<float>({1, 4}, {1, -2, 3, -4});
  std::vector<CrossingTensor> crossing;
  const auto outputs = runner.run({&x, 1}, &crossing);
  EXPECT_THAT(outputs[0].values<float>(), ElementsAre(0, -4, 0, -8));
  EXPECT_THAT(outputs[1].values<float>(), ElementsAre(1, 2, 3, 4));
  ASSERT_EQ(crossing.size(), 1U);
  EXPECT_EQ(crossing[0].edge.to_part, "tail");
  EXPECT_THAT(crossing[0].tensor.values<float>(), ElementsAre(0, 2, 0, 4));
  EXPECT_THROW(runner.run({}), Error);
}

TEST(PartitionRunner, GivesOneInputToAllWhoTakeIt) {
  Partition partition{.name = "two"};
  for (const char* name : {"left", "right"}) {
    partition.parts.push_back(
        {name, parse_graph_text("net (float[N, 2] x) => (float[N, 2] y) { y = Neg(x) }")});
    partition.edges.push_back({"", "image", name, "x"});
    partition.edges.push_back({name, "y", "", name});
  }
  const PartitionRunner runner(partition);
  ASSERT_EQ(runner.inputs().size(), 1U);
  const Tensor x = Tensor::of<float>({1, 2}, {1, 2});
  const auto outputs = runner.run({&x, 1});
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_EQ(tensor_difference(outputs[0], outputs[1]), 0);
}

TEST(Verify, FindsAGoodPartitionEqual) {
  const Graph whole = parse_graph_text(kWhole);
  std::vector<std::int64_t> seen;
  const auto result =
      verify_partition(whole, by_hand(), random_inputs(whole, 3, /*seed=*/1), {},
                       [&](std::int64_t done, std::int64_t) { seen.push_back(done); });
  EXPECT_TRUE(result.equal);
  EXPECT_EQ(result.max_relative_difference, 0);
  EXPECT_EQ(result.images, 3);
  EXPECT_EQ(result.first_difference, "");
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST(Verify, NamesTheFirstTensorThatDiffersInTheOrderOfTheWhole) {
  const Graph whole = parse_graph_text(kWhole);
  const auto result = verify_partition(whole, by_hand("1.01"), random_inputs(whole, 2, 1));
  EXPECT_FALSE(result.equal);
  // Not y, though the outputs come first in every list.
  EXPECT_EQ(result.first_difference, "b");
  EXPECT_NEAR(result.max_relative_difference, 0.01, 1e-4);
}

TEST(Verify, AllowsDifferencesWithinTheTolerance) {
  const Graph whole = parse_graph_text(kWhole);
  const auto result =
      verify_partition(whole, by_hand("1.01"), random_inputs(whole, 2, 1), {.tolerance = 0.02});
  EXPECT_TRUE(result.equal);
  EXPECT_NEAR(result.max_relative_difference, 0.01, 1e-4);
}

TEST(Verify, ComparesTheOutputsAloneOfATrainedPartition) {
  const Graph whole = parse_graph_text(kWhole);
  Partition partition = by_hand("1.01");
  partition.lossless = false;
  EXPECT_EQ(verify_partition(whole, partition, random_inputs(whole, 1, 1)).first_difference, "y");
}

TEST(Verify, RefusesPartitionsWithOtherEnds) {
  const Graph whole = parse_graph_text(kWhole);
  Partition without_e = by_hand();
  without_e.edges.pop_back();
  Partition other_input = by_hand();
  other_input.edges[0].from_tensor = "photo";
  for (const auto& [bad, message] : {std::pair{without_e, "lacks an output of the whole: e"},
                                     std::pair{other_input, "that the whole has not: photo"}}) {
    try {
      verify_partition(whole, bad, random_inputs(whole, 1, 1));
      FAIL() << message;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kInvalid);
      EXPECT_THAT(e.what(), HasSubstr(message));
    }
  }
}

TEST(Verify, TellsADifferentShapeFromAnEqualOne) {
  const Graph whole = parse_graph_text("net (float[N, 4] x) => (float[N, 4] y) { y = Neg(x) }");
  const Partition partition = whole_partition(
      parse_graph_text("net (float[N, 4] x) => (float[N, 2, 2] y) { a = Neg(x) "
                       "s = Constant<value = int64[3] {-1, 2, 2}>() y = Reshape(a, s) }"));
  const auto result = verify_partition(whole, partition, random_inputs(whole, 1, 1));
  EXPECT_FALSE(result.equal);
  EXPECT_EQ(result.first_difference, "y");
}

TEST(RandomInputs, RepeatForASeedAndEnd) {
  const Graph whole = parse_graph_text(kWhole);
  const auto first = random_inputs(whole, 2, 1);
  const auto again = random_inputs(whole, 2, 1);
  EXPECT_EQ(tensor_difference((*first(1))[0], (*again(1))[0]), 0);
  EXPECT_GT(tensor_difference((*first(0))[0], (*first(1))[0]), 0);
  EXPECT_EQ((*first(0))[0].shape(), (Shape{1, 4}));
  EXPECT_FALSE(first(2));
  EXPECT_THROW(
      random_inputs(
          parse_graph_text("net (float[H] x, float[1, W] z) => (float[H] y) { y = Neg(x) }"), 1, 1),
      Error);
}

}  // namespace
}  // namespace isthmus
