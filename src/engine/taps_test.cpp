#include "engine/taps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "engine/difference.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

using testing::ElementsAre;

const char* const kChain =
    "net (float[N, 2] x) => (float[N, 2] y) { a = Neg(x) b = Add(a, a) y = Relu(b) }";

TEST(Taps, GiveInnerTensorsBesideTheOutputs) {
  const Tensor x = Tensor::of<float>({1, 2}, {1, -2});
  const std::vector<std::string> names = {"b", "x", "a"};
  const auto taps = run_with_taps(parse_graph_text(kChain), {&x, 1}, names);
  ASSERT_EQ(taps.size(), 4U);
  EXPECT_THAT(taps.at("a").values<float>(), ElementsAre(-1, 2));
  EXPECT_THAT(taps.at("b").values<float>(), ElementsAre(-2, 4));
  EXPECT_THAT(taps.at("y").values<float>(), ElementsAre(0, 4));
  EXPECT_THAT(taps.at("x").values<float>(), ElementsAre(1, -2));
}

TEST(Taps, SuggestTheNearestNameForAnUnknownOne) {
  const std::vector<std::string> names = {"relu_11"};
  try {
    with_taps(
        parse_graph_text("net (float[2] x) => (float[2] y) { relu_1 = Relu(x) y = Neg(relu_1) }"),
        names);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kNotFound);
    EXPECT_THAT(e.what(), testing::HasSubstr("did you mean relu_1?"));
  }
}

// A graph whose inner shapes were forgotten, as for operators that ONNX's inference does not know.
Graph forgetful(const char* text) {
  Graph graph = parse_graph_text(text);
  graph.values.clear();
  for (NamedValue& output : graph.outputs) output.value = {};
  return graph;
}

TEST(FillShapes, FindsTypesShapesAndTheBatch) {
  Graph graph = forgetful(
      "net (float[N, 3, 8, 8] x) => (float[N, 3, 4, 4] y, int64[4] z) "
      "{ a = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) z = Shape(a) y = Relu(a) }");
  fill_shapes_by_running(graph);
  EXPECT_EQ(graph.value_of("a").shape, (Shape{-1, 3, 4, 4}));
  EXPECT_EQ(graph.value_of("a").dtype, DType::kF32);
  EXPECT_EQ(graph.find_output("y")->value.shape, (Shape{-1, 3, 4, 4}));
  EXPECT_EQ(graph.find_output("z")->value.dtype, DType::kI64);
  EXPECT_EQ(graph.find_output("z")->value.shape, (Shape{4}));
}

TEST(FillShapes, KeepsBatchOneOfANetworkThatTakesNoOther) {
  Graph graph = forgetful(
      "net (float[N, 4] x) => (float[1, 4] y) { s = Constant<value = int64[2] {1, 4}>() "
      "y = Reshape(x, s) }");
  fill_shapes_by_running(graph);
  EXPECT_EQ(graph.find_output("y")->value.shape, (Shape{1, 4}));
}

TEST(FillShapes, PassesSequencesBy) {
  Graph graph = forgetful(
      "net (float[N, 4] x) => (float[N, 4] y) "
      "{ a, b = Split<axis = 1>(x) s = SequenceConstruct(a, b) y = ConcatFromSequence<axis = 1>(s) "
      "}");
  Value sequence;
  // A type of another kind; only whether there is one matters here.
  sequence.rest = "sequence";
  graph.values["s"] = sequence;
  fill_shapes_by_running(graph);
  EXPECT_EQ(graph.value_of("a").shape, (Shape{-1, 2}));
  EXPECT_EQ(graph.find_output("y")->value.shape, (Shape{-1, 4}));
}

TEST(FillShapes, LeavesWhatIsKnown) {
  Graph graph = parse_graph_text(kChain);
  const auto before = graph.value_of("a").shape;
  fill_shapes_by_running(graph);
  EXPECT_EQ(graph.value_of("a").shape, before);
}

TEST(FillShapes, NamesTheNodeThatEvenTheEngineDoesNotKnow) {
  GraphBuilder net("strange");
  net.output(net.op("Frobnicate", {net.input("x", {1, 3})}, {}, "mystery", "com.acme"));
  Graph graph = net.build();
  graph.opsets["com.acme"] = 1;
  try {
    fill_shapes_by_running(graph);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(e.what(), testing::HasSubstr("mystery"));
  }
}

TEST(FillShapes, NamesTheInputThatIsOpen) {
  Graph graph = forgetful("net (float[N, 3, H, W] x) => (float[N, 3, H, W] y) { y = Relu(x) }");
  try {
    fill_shapes_by_running(graph);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("x is ?x3x?x?"));
  }
}

}  // namespace
}  // namespace isthmus
