#include "graph/cuts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/rng.h"
#include "graph/builder.h"
#include "graph/subgraph.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> cuts_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const CutPoint& point : cut_points(graph)) names.push_back(point.tensor);
  return names;
}

Graph residual() {
  return parse_graph_text(R"(
    net (float[N, 4] x) => (float[N, 4] y) {
      a = Relu(x)
      b = Tanh(a)
      c = Abs(b)
      d = Add(a, c)
      e = Relu(d)
      y = Abs(e)
    })");
}

TEST(CutPoints, AreTheTensorsThatEveryPathPasses) {
  EXPECT_THAT(cuts_of(residual()), ElementsAre("a", "d", "e"));
}

TEST(CutPoints, LetConstantsCrossFreely) {
  const Graph graph = parse_graph_text(R"(
    net (float[N, 4] x) => (float[N, 4] y) {
      r = RandomNormal <shape = [1, 4]> ()
      a = Relu(x)
      b = Tanh(a)
      y = Add(b, r)
    })");
  EXPECT_THAT(cuts_of(graph), ElementsAre("a", "b"));
}

TEST(CutPoints, GoRoundDeadNodes) {
  const Graph graph = parse_graph_text(R"(
    net (float[N, 4] x) => (float[N, 4] y) {
      a = Relu(x)
      dead = Abs(x)
      b = Tanh(a)
      y = Add(b, b)
    })");
  EXPECT_THAT(cuts_of(graph), ElementsAre("a", "b"));
}

TEST(CutPoints, EndWhereASecondOutputBranchesOff) {
  const Graph graph = parse_graph_text(R"(
    net (float[N, 4] x) => (float[N, 4] y, float[N, 4] early) {
      a = Relu(x)
      early = Abs(a)
      b = Tanh(a)
      y = Relu(b)
    })");
  EXPECT_THAT(cuts_of(graph), ElementsAre("a"));
}

TEST(CutPoints, DoNotCountAnOutputThatOthersUseAsAnEnd) {
  const Graph graph = parse_graph_text(R"(
    net (float[N, 4] x) => (float[N, 4] a, float[N, 4] y) {
      a = Relu(x)
      b = Tanh(a)
      y = Relu(b)
    })");
  EXPECT_THAT(cuts_of(graph), ElementsAre("b"));
}

TEST(CutPoints, CarrySizeAndCost) {
  GraphBuilder net("n");
  std::string x = net.input("x", {-1, 3, 8, 8});
  x = net.conv(x, 6, {.kernel = {3}, .stride = {2}, .pad = {1}, .name = "small"});
  x = net.conv(x, 2, {.kernel = {1}, .name = "smaller"});
  net.output(net.flatten(x, "y"));
  const auto points = cut_points(net.build());
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].shape, (Shape{-1, 6, 4, 4}));
  EXPECT_DOUBLE_EQ(points[0].relative, 0.5);
  EXPECT_EQ(points[0].accumulated_macs, 4 * 4 * 6 * 27);
  EXPECT_EQ(points[1].accumulated_macs, 4 * 4 * 6 * 27 + 4 * 4 * 2 * 6);
  EXPECT_EQ(points[1].total_macs, points[1].accumulated_macs);
}

// A random graph of Sum nodes; some have two outputs' worth of users, some none.
Graph random_graph(Rng& rng) {
  GraphBuilder net("random");
  std::vector<std::string> tensors;
  const std::uint64_t inputs = 1 + rng.below(2);
  for (std::uint64_t i = 0; i < inputs; ++i)
    tensors.push_back(net.input("x" + std::to_string(i), {-1, 4}));
  const std::uint64_t nodes = 3 + rng.below(9);
  for (std::uint64_t i = 0; i < nodes; ++i) {
    std::set<std::string> chosen;
    const std::uint64_t reach = std::min<std::uint64_t>(tensors.size(), 3);
    for (std::uint64_t k = 0; k <= rng.below(2); ++k)
      chosen.insert(tensors[tensors.size() - 1 - rng.below(reach)]);
    tensors.push_back(net.op("Sum", {chosen.begin(), chosen.end()}, {}, "t" + std::to_string(i)));
  }
  net.output(tensors.back());
  if (rng.below(3) == 0) net.output(tensors[tensors.size() - 2]);
  return net.build();
}

// Whether an output can be reached from an input without any of `cut`. Outputs that other nodes use
// do not end a path here (as for CutPoint).
bool leaks(const Graph& graph, const std::set<std::string>& cut, bool every_output_ends) {
  std::set<std::string> reached;
  for (const NamedValue& input : graph.inputs)
    if (!cut.contains(input.name)) reached.insert(input.name);
  const std::vector<std::string> ends = [&] {
    std::vector<std::string> names;
    for (const NamedValue& output : graph.outputs) names.push_back(output.name);
    return names;
  }();
  const auto needed = ancestors(graph, ends);
  std::set<std::string> taken;
  for (const std::size_t node : needed)
    for (const std::string& need : graph.nodes[node].needs()) taken.insert(need);
  for (const Node& node : graph.nodes)
    for (const std::string& need : node.needs())
      if (reached.contains(need) && !cut.contains(node.outputs[0])) reached.insert(node.outputs[0]);
  return std::ranges::any_of(ends, [&](const std::string& end) {
    return reached.contains(end) && (every_output_ends || !taken.contains(end));
  });
}

TEST(CutPoints, AgreeWithSearchOnRandomGraphs) {
  Rng rng(1);
  for (int round = 0; round < 300; ++round) {
    const Graph graph = random_graph(rng);
    std::set<std::string> expected;
    for (const std::string& tensor : graph.tensors()) {
      if (graph.find_input(tensor) || graph.find_output(tensor)) continue;
      const std::vector<std::string> needed = {tensor};
      bool relevant = !leaks(graph, {tensor}, false);
      if (relevant) expected.insert(tensor);
    }
    const auto found = cuts_of(graph);
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), expected) << "round " << round;
    for (const std::string& tensor : found)
      EXPECT_NO_THROW(check_separates(graph, std::vector<std::string>{tensor})) << tensor;
  }
}

TEST(MinimumCut, AgreesWithSearchOnRandomGraphs) {
  Rng rng(2);
  for (int round = 0; round < 200; ++round) {
    const Graph graph = random_graph(rng);
    const std::vector<std::string> tensors = graph.tensors();
    std::map<std::string, double> weights;
    for (const std::string& tensor : tensors)
      weights[tensor] = rng.below(6) == 0 ? std::numeric_limits<double>::infinity()
                                          : static_cast<double>(1 + rng.below(9));
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t mask = 0; mask < std::size_t{1} << tensors.size(); ++mask) {
      std::set<std::string> cut;
      double total = 0;
      for (std::size_t i = 0; i < tensors.size(); ++i)
        if (mask >> i & 1) total += weights[*cut.insert(tensors[i]).first];
      if (total < best && !leaks(graph, cut, true)) best = total;
    }
    const auto weight = [&](const std::string& tensor) { return weights.at(tensor); };
    if (std::isinf(best)) {
      EXPECT_THROW(minimum_cut(graph, weight), Error);
      continue;
    }
    const auto cut = minimum_cut(graph, weight);
    double total = 0;
    for (const std::string& tensor : cut) total += weights[tensor];
    EXPECT_DOUBLE_EQ(total, best) << "round " << round;
    EXPECT_FALSE(leaks(graph, {cut.begin(), cut.end()}, true)) << "round " << round;
  }
}

TEST(MinimumCut, MayTakeSeveralTensors) {
  const std::map<std::string, double> weights = {{"x", 9}, {"a", 9}, {"b", 1}, {"c", 3},
                                                 {"d", 5}, {"e", 4}, {"y", 9}};
  const auto graph = parse_graph_text(R"(
    net (float[N, 4] x) => (float[N, 4] y) {
      a = Relu(x)  b = Tanh(a)  c = Abs(a)  d = Add(b, c)  e = Relu(d)  y = Abs(e)
    })");
  // b + c and e cost the same; the one nearer to the input is taken.
  EXPECT_THAT(minimum_cut(graph, [&](const std::string& t) { return weights.at(t); }),
              ElementsAre("b", "c"));
}

std::string refusal(const Graph& graph, const std::vector<std::string>& tensors, ErrorKind kind) {
  try {
    check_separates(graph, tensors);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(CheckSeparates, SaysWhatIsWrongWithACut) {
  const Graph graph = residual();
  constexpr auto kInvalid = ErrorKind::kInvalid;
  EXPECT_THAT(refusal(graph, {"aa"}, ErrorKind::kNotFound), HasSubstr("no tensor aa"));
  EXPECT_THAT(refusal(graph, {"b"}, kInvalid), HasSubstr("node Add_3 (Add)"));
  EXPECT_THAT(refusal(graph, {"b"}, kInvalid), HasSubstr("does not separate"));
  EXPECT_THAT(refusal(graph, {"a", "d"}, kInvalid), HasSubstr("needs no a"));
  EXPECT_THAT(refusal(graph, {"x"}, kInvalid), HasSubstr("nothing is left before"));
  EXPECT_THAT(refusal(graph, {"y"}, kInvalid), HasSubstr("nothing is left behind"));
  EXPECT_THAT(refusal(graph, {}, kInvalid), HasSubstr("needs a tensor"));
  EXPECT_NO_THROW(check_separates(graph, std::vector<std::string>{"a"}));
  EXPECT_NO_THROW(check_separates(graph, std::vector<std::string>{"a", "b"}));
  EXPECT_NO_THROW(check_separates(graph, std::vector<std::string>{"a", "c"}));
}

TEST(CheckSeparates, SuggestsTheNearestName) {
  GraphBuilder net("n");
  net.output(net.relu(net.relu(net.input("image", {-1, 3}), "layer4_relu"), "logits"));
  EXPECT_THAT(refusal(net.build(), {"layer4_rleu"}, ErrorKind::kNotFound),
              HasSubstr("layer4_relu"));
}

TEST(CheckSeparates, RefusesConstants) {
  GraphBuilder net("n");
  net.output(net.gemm(net.relu(net.input("x", {-1, 3})), 2, "y"));
  EXPECT_THAT(refusal(net.build(), {"y.weight"}, ErrorKind::kInvalid), HasSubstr("constant"));
}

TEST(CheckSeparates, AcceptsAnEarlyOutputAmongTheCut) {
  const Graph graph = parse_graph_text(R"(
    net (float[N, 4] x) => (float[N, 4] y, float[N, 4] early) {
      a = Relu(x)  early = Abs(a)  b = Tanh(a)  y = Relu(b)
    })");
  EXPECT_THAT(refusal(graph, {"b"}, ErrorKind::kInvalid), HasSubstr("does not separate"));
  EXPECT_NO_THROW(check_separates(graph, std::vector<std::string>{"b", "early"}));
}

TEST(ExtractSubgraph, HoldsWhatTheOutputsNeed) {
  GraphBuilder net("n");
  std::string x = net.input("x", {-1, 3, 8, 8});
  x = net.conv(x, 4, {.kernel = {3}, .name = "c1"});
  x = net.conv(net.relu(x, "r"), 4, {.kernel = {3}, .name = "c2"});
  net.output(net.flatten(x, "y"));
  const Graph graph = net.build();
  const std::vector<std::string> cut = {"r"};
  const Graph head = extract_subgraph(graph, std::vector<std::string>{"x"}, cut);
  const Graph tail = extract_subgraph(graph, cut, std::vector<std::string>{"y"});
  EXPECT_EQ(head.nodes.size(), 2U);
  EXPECT_EQ(tail.nodes.size(), 2U);
  EXPECT_TRUE(head.is_initializer("c1.weight"));
  EXPECT_FALSE(head.is_initializer("c2.weight"));
  EXPECT_EQ(tail.inputs[0].value.shape, (Shape{-1, 4, 6, 6}));
  EXPECT_EQ(tail.inputs[0].value.symbols[0], "batch");
  EXPECT_EQ(head.outputs[0].value.shape, (Shape{-1, 4, 6, 6}));
  EXPECT_EQ(to_onnx(parse_graph(to_onnx(tail), "tail")), to_onnx(tail));
}

TEST(ExtractSubgraph, KeepsSharedWeightsOnBothSides) {
  GraphBuilder net("n");
  const std::string w = net.random_weight("w", {4, 4}, 1);
  const std::string a = net.op("MatMul", {net.input("x", {-1, 4}), w}, {}, "a");
  net.output(net.op("MatMul", {a, w}, {}, "y"));
  const Graph graph = net.build();
  const std::vector<std::string> cut = {"a"};
  EXPECT_TRUE(extract_subgraph(graph, std::vector<std::string>{"x"}, cut).is_initializer("w"));
  EXPECT_TRUE(extract_subgraph(graph, cut, std::vector<std::string>{"y"}).is_initializer("w"));
}

TEST(ExtractSubgraph, RefusesAnInputThatIsMissing) {
  const std::vector<std::string> in = {"b"};
  const std::vector<std::string> out = {"y"};
  try {
    extract_subgraph(residual(), in, out);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr("needs the input x"));
  }
}

TEST(ExtractSubgraph, MakesANodeAgainThatOneOutputOfIsGiven) {
  GraphBuilder net("n");
  const auto halves =
      net.op_with_outputs("Split", {net.input("x", {-1, 4})}, 2, {{"axis", 1}}, "halves");
  net.output(net.add(halves[0], halves[1], "y"));
  const Graph graph = net.build();
  const std::vector<std::string> in = {"x", "halves_0"};
  const Graph part = extract_subgraph(graph, in, std::vector<std::string>{"y"});
  EXPECT_EQ(part.inputs.size(), 2U);
  EXPECT_NO_THROW(parse_graph(to_onnx(part), "part"));
}

}  // namespace
}  // namespace isthmus
