#include "split/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Partition cut_at(const Graph& graph, std::vector<std::string> tensors) {
  return cut_graph(graph, tensors);
}

std::vector<std::string> names(const std::vector<NamedValue>& values) {
  std::vector<std::string> result;
  for (const NamedValue& value : values) result.push_back(value.name);
  return result;
}

std::string cut_message(const Graph& graph, std::vector<std::string> tensors) {
  try {
    cut_graph(graph, tensors);
  } catch (const Error& e) {
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(CutGraph, MakesAHeadAndATailOfAChain) {
  const Graph graph = parse_graph_text(
      "net (float[N, 4] x) => (float[N, 4] y) { a = Neg(x) b = Abs(a) y = Relu(b) }");
  const Partition partition = cut_at(graph, {"a"});
  ASSERT_EQ(partition.parts.size(), 2U);
  EXPECT_TRUE(partition.lossless);
  EXPECT_EQ(partition.parts[0].graph.name, "net.head");
  EXPECT_THAT(names(partition.parts[0].graph.outputs), ElementsAre("a"));
  EXPECT_EQ(partition.parts[0].graph.nodes.size(), 1U);
  EXPECT_EQ(partition.parts[1].graph.nodes.size(), 2U);
  // The batch stays open on both sides of the cut.
  EXPECT_EQ(partition.parts[0].graph.outputs[0].value.shape, (Shape{-1, 4}));
  EXPECT_EQ(partition.parts[1].graph.inputs[0].value.shape, (Shape{-1, 4}));
  EXPECT_THAT(partition.edges,
              ElementsAre(Edge{"", "x", "head", "x"}, Edge{"head", "a", "tail", "a"},
                          Edge{"tail", "y", "", "y"}));
}

TEST(CutGraph, GivesSharedWeightsToBothSides) {
  GraphBuilder net("net");
  const std::string w = net.random_weight("w", {4}, 1);
  const std::string a = net.op("Mul", {net.input("x", {-1, 4}), w}, {}, "a");
  net.output(net.op("Mul", {a, w}, {}, "y"));
  const Partition partition = cut_at(net.build(), {"a"});
  EXPECT_TRUE(partition.parts[0].graph.is_initializer("w"));
  EXPECT_TRUE(partition.parts[1].graph.is_initializer("w"));
}

TEST(CutGraph, TakesOutputsOfTheWholeFromWhoMakesThem) {
  const Graph graph = parse_graph_text(
      "net (float[N, 4] x) => (float[N, 4] y, float[N, 4] a, float[N, 4] e) "
      "{ a = Neg(x) e = Exp(a) b = Abs(a) y = Relu(b) }");
  EXPECT_THAT(cut_at(graph, {"b", "e"}).edges,
              ElementsAre(Edge{"", "x", "head", "x"}, Edge{"head", "b", "tail", "b"},
                          Edge{"tail", "y", "", "y"}, Edge{"head", "a", "", "a"},
                          Edge{"head", "e", "", "e"}));
  // An output that the tail needs as well goes both ways.
  EXPECT_THAT(cut_at(graph, {"a"}).edges,
              ElementsAre(Edge{"", "x", "head", "x"}, Edge{"head", "a", "tail", "a"},
                          Edge{"tail", "y", "", "y"}, Edge{"head", "a", "", "a"},
                          Edge{"tail", "e", "", "e"}));
}

TEST(CutGraph, CutsSeveralTensors) {
  const Graph graph = parse_graph_text(
      "net (float[N, 4] x) => (float[N, 4] y) { a = Neg(x) b = Abs(x) c = Exp(b) y = Add(a, c) }");
  const Partition partition = cut_at(graph, {"c", "a", "c"});
  EXPECT_THAT(names(partition.parts[0].graph.outputs), ElementsAre("c", "a"));
  EXPECT_THAT(names(partition.parts[1].graph.inputs), ElementsAre("c", "a"));
}

TEST(CutGraph, LetsAnInputOfTheNetworkCross) {
  const Graph graph = parse_graph_text(
      "net (float[N, 4] x, float[N, 4] z) => (float[N, 4] y) { a = Neg(x) y = Add(a, z) }");
  const Partition partition = cut_at(graph, {"a", "z"});
  EXPECT_THAT(partition.edges,
              ElementsAre(Edge{"", "x", "head", "x"}, Edge{"", "z", "tail", "z"},
                          Edge{"head", "a", "tail", "a"}, Edge{"tail", "y", "", "y"}));
}

TEST(CutGraph, RefusesCutsThatMakeNoTwoParts) {
  const Graph graph = parse_graph_text(
      "net (float[N, 4] x) => (float[N, 4] y) { a = Neg(x) b = Abs(x) y = Add(a, b) }");
  EXPECT_THAT(cut_message(graph, {"x"}), HasSubstr("nothing is left before a cut at the input x"));
  EXPECT_THAT(cut_message(graph, {"y"}), HasSubstr("nothing is left behind a cut at y"));
  EXPECT_THAT(cut_message(graph, {"a", "b", "y"}), HasSubstr("nothing is left behind"));
  EXPECT_THAT(cut_message(graph, {"bb"}), HasSubstr("did you mean b?"));
  // The other path is named.
  EXPECT_THAT(cut_message(graph, {"a"}), HasSubstr("Abs"));
}

TEST(JoinGraphs, UndoesACut) {
  const Graph graph = parse_graph_text(
      "net (float[N, 4] x) => (float[N, 4] y, float[N, 4] b) "
      "{ a = Neg(x) b = Abs(a) c = Relu(a) y = Add(c, x) }");
  const Partition partition = cut_at(graph, {"a", "x"});
  const Graph joined = join_graphs(partition.parts[0].graph, partition.parts[1].graph);
  EXPECT_EQ(joined.nodes.size(), graph.nodes.size());
  EXPECT_THAT(names(joined.inputs), ElementsAre("x"));
  EXPECT_THAT(names(joined.outputs), testing::UnorderedElementsAre("y", "b"));
  EXPECT_EQ(joined.value_of("a").shape, (Shape{-1, 4}));
}

TEST(JoinGraphs, RefusesStrangers) {
  const Graph one = parse_graph_text("one (float[N, 4] x) => (float[N, 4] y) { y = Neg(x) }");
  const Graph two = parse_graph_text("two (float[N, 4] z) => (float[N, 4] w) { w = Neg(z) }");
  try {
    join_graphs(one, two);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "one makes no input of two");
  }
}

}  // namespace
}  // namespace isthmus
