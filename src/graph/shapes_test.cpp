#include "graph/shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "core/error.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

std::string shape_of(const Graph& graph, const std::string& tensor) {
  const Value value = graph.value_of(tensor);
  return value.has_shape ? to_string(value.shape) : "unknown";
}

struct ShapeCase {
  const char* text;
  const char* expected;
};

TEST(InferShapes, KeepsADynamicBatch) {
  const ShapeCase cases[] = {
      {"n (float[batch, 3, 9, 9] x) => (float[] y) { y = Relu(x) }", "?x3x9x9"},
      {"n (float[batch, 3, 9, 9] x) => (float[] y) { y = MaxPool <kernel_shape = [3, 3], "
       "strides = [2, 2]> (x) }",
       "?x3x4x4"},
      {"n (float[batch, 3, 9, 9] x) => (float[] y) { y = Flatten(x) }", "?x243"},
      {"n (float[batch, 3, 9, 9] x) => (float[] y) { y = Concat <axis = 1> (x, x) }", "?x6x9x9"},
      {"n (float[batch, 6, 9] x) => (float[] y) { y = Transpose <perm = [0, 2, 1]> (x) }", "?x9x6"},
  };
  for (const ShapeCase& c : cases) {
    SCOPED_TRACE(c.text);
    // "float[]" is a scalar in the text form; the inferred shape holds against it.
    const Graph graph = parse_graph_text(c.text);
    EXPECT_EQ(shape_of(graph, "y"), c.expected);
    EXPECT_EQ(graph.value_of("y").symbols[0], "batch");
  }
}

TEST(InferShapes, IsIdempotent) {
  GraphBuilder net("n");
  std::string x = net.input("x", {-1, 3, 8, 8});
  x = net.max_pool(net.conv(x, 4, {.kernel = {3}}), {.kernel = {2}, .stride = {2}});
  net.output(net.flatten(x));
  Graph graph = net.build();
  const std::string once = to_onnx(graph);
  infer_shapes(graph);
  EXPECT_EQ(to_onnx(graph), once);
}

TEST(InferShapes, LeavesUnknownOperatorsUnknownAndGoesOnBehindThem) {
  GraphBuilder net("n");
  const std::string x = net.input("x", {-1, 3});
  const std::string strange = net.op("Strange", {x}, {}, "strange", "custom");
  net.output(net.relu(strange, "y"));
  net.output(net.relu(x, "z"));
  const Graph graph = net.build();
  EXPECT_EQ(shape_of(graph, "strange"), "unknown");
  EXPECT_EQ(shape_of(graph, "y"), "unknown");
  EXPECT_EQ(shape_of(graph, "z"), "?x3");
}

TEST(InferShapes, TakesTheFilesWordForWhatItCannotTell) {
  GraphBuilder net("n");
  net.output(net.relu(net.op("Strange", {net.input("x", {-1, 3})}, {}, "strange", "custom"), "y"));
  Graph graph = net.build();
  graph.values["strange"] = {.dtype = DType::kF32, .shape = {-1, 7}, .has_shape = true};
  infer_shapes(graph);
  EXPECT_EQ(shape_of(graph, "y"), "?x7");
}

TEST(InferShapes, ReadsOperatorsAsLaterOpsetsWriteThem) {
  GraphBuilder net("n", {.opset = 18});
  const std::string x = net.input("x", {-1, 3, 4, 5});
  const std::string axes =
      net.weight("axes", Tensor::of<std::int64_t>({2}, std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(net.shape_of(net.op("ReduceMean", {x, axes})), (Shape{-1, 3, 1, 1}));
  EXPECT_EQ(net.shape_of(net.op("ReduceMax", {x, axes}, {{"keepdims", 0}})), (Shape{-1, 3}));
  EXPECT_EQ(net.shape_of(net.op("Gelu", {x})), (Shape{-1, 3, 4, 5}));
  EXPECT_EQ(net.shape_of(net.op("AveragePool", {x},
                                {{"kernel_shape", Shape{2, 2}}, {"dilations", Shape{1, 1}}})),
            (Shape{-1, 3, 3, 4}));
  const std::string pads = net.weight("pads", Tensor(DType::kI64, {8}));
  EXPECT_EQ(net.shape_of(net.op("Pad", {x, pads, "", ""})), (Shape{-1, 3, 4, 5}));
  const auto pieces = net.op_with_outputs("Split", {x}, 2, {{"axis", 1}, {"num_outputs", 2}});
  EXPECT_EQ(net.shape_of(pieces[0]), (Shape{-1, 2, 4, 5}));
  EXPECT_EQ(net.shape_of(pieces[1]), (Shape{-1, 1, 4, 5}));
}

TEST(InferShapes, SeesThroughFunctionsOfTheModel) {
  onnx::ModelProto model;
  const std::string bytes = to_onnx(parse_graph_text(
      R"(<ir_version: 8, opset_import: ["" : 15, "mine" : 1]>
      n (float[N, 3] x) => (float[] y) { y = mine.Twice(x) })"));
  ASSERT_TRUE(model.ParseFromString(bytes));
  auto& function = *model.add_functions();
  function.set_name("Twice");
  function.set_domain("mine");
  function.add_input("a");
  function.add_output("b");
  auto& opset = *function.add_opset_import();
  opset.set_version(15);
  auto& node = *function.add_node();
  node.set_op_type("Add");
  node.add_input("a");
  node.add_input("a");
  node.add_output("b");
  EXPECT_EQ(shape_of(parse_graph(model.SerializeAsString(), "m"), "y"), "?x3");
  // A function that calls itself is left alone.
  node.set_op_type("Twice");
  node.set_domain("mine");
  EXPECT_NO_THROW(parse_graph(model.SerializeAsString(), "m"));
}

// Each of these made libonnx 1.12 crash, or run for ever, before it was kept from it.
TEST(InferShapes, SurvivesNodesThatBreakTheirSchema) {
  const char* bodies[] = {
      "y = MaxPool <kernel_shape = [2, 2], strides = [0, 0]> (x)",
      "y = MaxPool <kernel_shape = [2]> (x)",
      "y = Conv(x)",
      "y = Conv(x, m)",
      "y = Conv <group = 0> (x, x)",
      "y = ConvTranspose(x, m)",
      "y = ConvTranspose(m, x)",
      "y = Concat <axis = 7> (x, x)",
      "y = Transpose <perm = [9, 9, 9, 9]> (x)",
      "y = SpaceToDepth <blocksize = 0> (x)",
      "y = DepthToSpace <blocksize = 1099511627776> (x)",
      "y = LayerNormalization <axis = -9> (x, v)",
      "y = GatherND <batch_dims = -8> (x, i)",
      "y = STFT(s, i, x)",
      "y = ConstantOfShape(long)",
      "y = Expand(x, long)",
      "y = Reshape(x, long)",
      "y = Reshape(x, x)",
      "y = Gather(x)",
      "y = Softmax <axis = \"left\"> (x)",
  };
  for (const char* body : bodies) {
    SCOPED_TRACE(body);
    const std::string text =
        std::string(
            "<ir_version: 8, opset_import: [\"\" : 17]> n (float[N, 4, 6, 6] x, float[6, 4] m, "
            "float[4] v, int64[1, 2] i, float s, int64[1099511627776] long) => (float[N] y) { ") +
        body + " }";
    EXPECT_NO_THROW(parse_graph_text(text));
  }
  EXPECT_NO_THROW(parse_graph_text(
      "<ir_version: 7, opset_import: [\"\" : 7]> n (float s, float[2, 2] m) => (float y) "
      "{ y = Gemm(s, m, m) }"));
}

TEST(WithBatch, SetsTheBatchAndInfersAgain) {
  GraphBuilder net("n");
  std::string x = net.input("x", {-1, 3, 8, 8});
  x = net.conv(x, 4, {.kernel = {3}, .name = "conv"});
  net.output(net.flatten(x, "y"));
  const Graph graph = net.build();
  const Graph batch = with_batch(graph, 5);
  EXPECT_EQ(shape_of(batch, "x"), "5x3x8x8");
  EXPECT_EQ(shape_of(batch, "conv"), "5x4x6x6");
  EXPECT_EQ(shape_of(batch, "y"), "5x144");
  EXPECT_EQ(shape_of(graph, "conv"), "?x4x6x6");
  EXPECT_THROW(with_batch(graph, 0), Error);
}

TEST(WithBatch, TakesTheFirstExtentOfWhatOnlyARunKnows) {
  GraphBuilder net("n");
  net.output(net.op("Strange", {net.input("x", {-1, 3})}, {}, "strange", "custom"));
  net.output(net.op("Strange", {"x"}, {}, "other", "custom"));
  Graph graph = net.build();
  graph.outputs[0].value = {.dtype = DType::kF32, .shape = {-1, 7}, .has_shape = true};
  EXPECT_EQ(shape_of(with_batch(graph, 2), "strange"), "2x7");
  EXPECT_EQ(shape_of(with_batch(graph, 2), "other"), "unknown");
}

TEST(WithBatch, LeavesAFixedBatchAlone) {
  const Graph graph = parse_graph_text("n (float[1, 3] x) => (float[1, 3] y) { y = Relu(x) }");
  EXPECT_EQ(to_onnx(with_batch(graph, 8)), to_onnx(graph));
}

}  // namespace
}  // namespace isthmus
