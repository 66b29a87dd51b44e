// What the recorded operator cases leave open: libtorch and the engine on random numbers.
#include "train/torch_operator.h"

#include <gtest/gtest.h>

#include "graph/builder.h"
#include "train/torch_fixture.h"

namespace isthmus {
namespace {

struct TorchAgainstEngine {
  const char* what;
  const char* graph;
};

void expect_equal(const std::vector<TorchAgainstEngine>& cases, const std::string& header = "") {
  for (const auto& [what, text] : cases) {
    SCOPED_TRACE(what);
    EXPECT_LT(difference_from_engine(parse_graph_text(header + text)), 1e-5);
  }
}

TEST(TorchConvolution, TakesEveryWindow) {
  expect_equal({
      {"pads of two sizes",
       "n (float[N,3,9,8] x, float[4,3,3,3] w, float[4] b) => (float[N,4,H,W] y) "
       "{ y = Conv <strides = [2,2], pads = [0,1,2,0]> (x, w, b) }"},
      {"pads that take away",
       "n (float[N,3,9,8] x, float[4,3,3,3] w) => (float[N,4,H,W] y) "
       "{ y = Conv <pads = [1,-1,1,-1]> (x, w) }"},
      {"same, above",
       "n (float[N,3,9,8] x, float[4,3,4,4] w) => (float[N,4,H,W] y) "
       "{ y = Conv <auto_pad = \"SAME_UPPER\", strides = [2,3]> (x, w) }"},
      {"same, below, in groups",
       "n (float[N,4,9,8] x, float[4,2,2,2] w) => (float[N,4,H,W] y) "
       "{ y = Conv <auto_pad = \"SAME_LOWER\", group = 2> (x, w) }"},
      {"valid",
       "n (float[N,3,9,8] x, float[4,3,3,3] w) => (float[N,4,H,W] y) "
       "{ y = Conv <auto_pad = \"VALID\"> (x, w) }"},
      {"depthwise",
       "n (float[N,6,9,8] x, float[12,1,3,3] w) => (float[N,12,H,W] y) "
       "{ y = Conv <group = 6, pads = [1,1,1,1]> (x, w) }"},
      {"one axis",
       "n (float[N,3,9] x, float[4,3,3] w, float[4] b) => (float[N,4,L] y) "
       "{ y = Conv <pads = [2,0], dilations = [2]> (x, w, b) }"},
      {"three axes",
       "n (float[N,4,5,6,7] x, float[4,2,3,1,3] w) => (float[N,4,D,H,W] y) "
       "{ y = Conv <pads = [1,0,0,1,0,1], strides = [2,1,2], group = 2> (x, w) }"},
  });
}

TEST(TorchConvolution, TakesEveryTransposedWindow) {
  expect_equal({
      {"stride and rows added",
       "n (float[N,4,5,4] x, float[4,3,3,3] w, float[3] b) => (float[N,3,H,W] y) "
       "{ y = ConvTranspose <strides = [2,2], pads = [1,1,1,1], output_padding = [1,0]> (x,w,b) }"},
      {"pads of two sizes",
       "n (float[N,4,5,4] x, float[4,3,3,3] w, float[3] b) => (float[N,3,H,W] y) "
       "{ y = ConvTranspose <strides = [2,3], pads = [0,1,2,0]> (x, w, b) }"},
      {"given extents, odd padding",
       "n (float[N,4,5,4] x, float[4,3,4,4] w, float[3] b) => (float[N,3,H,W] y) "
       "{ y = ConvTranspose <strides = [2,2], output_shape = [9,7]> (x, w, b) }"},
      {"given extents, same below",
       "n (float[N,4,5,4] x, float[4,3,4,4] w) => (float[N,3,H,W] y) { y = ConvTranspose "
       "<strides = [2,2], output_shape = [9,7], auto_pad = \"SAME_LOWER\"> (x, w) }"},
      {"same, above",
       "n (float[N,4,5,4] x, float[4,3,3,3] w, float[3] b) => (float[N,3,H,W] y) "
       "{ y = ConvTranspose <strides = [2,2], auto_pad = \"SAME_UPPER\"> (x, w, b) }"},
      {"same, below",
       "n (float[N,4,5,4] x, float[4,3,3,3] w) => (float[N,3,H,W] y) "
       "{ y = ConvTranspose <strides = [2,2], auto_pad = \"SAME_LOWER\"> (x, w) }"},
      {"groups and dilation",
       "n (float[N,4,5,4] x, float[4,3,2,3] w, float[6] b) => (float[N,6,H,W] y) "
       "{ y = ConvTranspose <group = 2, dilations = [2,1]> (x, w, b) }"},
      {"one axis",
       "n (float[N,4,5] x, float[4,3,3] w) => (float[N,3,L] y) "
       "{ y = ConvTranspose <strides = [3]> (x, w) }"},
      {"three axes",
       "n (float[N,2,3,3,3] x, float[2,3,2,2,2] w) => (float[N,3,D,H,W] y) "
       "{ y = ConvTranspose <strides = [2,1,2]> (x, w) }"},
  });
}

TEST(TorchPooling, TakesEveryWindow) {
  expect_equal({
      {"largest, pads of two sizes",
       "n (float[N,3,9,8] x) => (float[N,3,H,W] y) "
       "{ y = MaxPool <kernel_shape = [3,2], strides = [2,2], pads = [0,0,1,1]> (x) }"},
      {"largest, up",
       "n (float[N,3,9,8] x) => (float[N,3,H,W] y) "
       "{ y = MaxPool <kernel_shape = [2,3], strides = [2,2], ceil_mode = 1> (x) }"},
      {"largest, up, the last window begins in the padding",
       "n (float[N,3,7,7] x) => (float[N,3,H,W] y) { y = MaxPool <kernel_shape = [2,2], "
       "strides = [2,2], pads = [1,1,1,1], ceil_mode = 1> (x) }"},
      {"largest, up, pads of two sizes",
       "n (float[N,3,8,8] x) => (float[N,3,H,W] y) { y = MaxPool <kernel_shape = [3,3], "
       "strides = [2,2], pads = [0,0,1,1], ceil_mode = 1> (x) }"},
      {"largest, dilated, wide pads",
       "n (float[N,3,9,8] x) => (float[N,3,H,W] y) "
       "{ y = MaxPool <kernel_shape = [3,3], dilations = [2,2], pads = [2,2,2,2]> (x) }"},
      {"largest, same",
       "n (float[N,3,9,8] x) => (float[N,3,H,W] y) "
       "{ y = MaxPool <kernel_shape = [2,2], strides = [2,2], auto_pad = \"SAME_LOWER\"> (x) }"},
      {"largest, one axis",
       "n (float[N,3,9] x) => (float[N,3,L] y) "
       "{ y = MaxPool <kernel_shape = [3], strides = [2]> (x) }"},
      {"largest, three axes",
       "n (float[N,3,5,6,7] x) => (float[N,3,D,H,W] y) "
       "{ y = MaxPool <kernel_shape = [1,2,2], strides = [1,2,2], pads = [0,0,0,0,0,1]> (x) }"},
      {"mean",
       "n (float[N,3,9,8] x) => (float[N,3,H,W] y) "
       "{ y = AveragePool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]> (x) }"},
      {"mean that counts the pads",
       "n (float[N,3,9,8] x) => (float[N,3,H,W] y) { y = AveragePool <kernel_shape = [3,3], "
       "strides = [2,2], pads = [1,1,1,1], count_include_pad = 1> (x) }"},
      {"mean, pads of two sizes",
       "n (float[N,3,9,8] x) => (float[N,3,H,W] y) "
       "{ y = AveragePool <kernel_shape = [3,3], strides = [2,2], pads = [0,1,2,0]> (x) }"},
      {"mean that counts pads of two sizes",
       "n (float[N,3,9,8] x) => (float[N,3,H,W] y) { y = AveragePool <kernel_shape = [3,3], "
       "strides = [2,2], pads = [0,1,2,0], count_include_pad = 1> (x) }"},
      {"mean, up",
       "n (float[N,3,8,8] x) => (float[N,3,H,W] y) "
       "{ y = AveragePool <kernel_shape = [3,3], strides = [2,2], ceil_mode = 1> (x) }"},
      {"mean, same",
       "n (float[N,3,8,8] x) => (float[N,3,H,W] y) "
       "{ y = AveragePool <kernel_shape = [3,3], strides = [2,2], auto_pad = \"SAME_UPPER\"> (x) "
       "}"},
      {"norm",
       "n (float[N,3,8,8] x) => (float[N,3,H,W] y) "
       "{ y = LpPool <kernel_shape = [3,2], strides = [2,2], pads = [1,0,0,1], p = 3> (x) }"},
      {"norm of all",
       "n (float[N,3,8,8] x) => (float[N,3,1,1] y) { y = GlobalLpPool <p = 3> (x) }"},
      {"largest of all, three axes",
       "n (float[N,3,2,4,4] x) => (float[N,3,1,1,1] y) { y = GlobalMaxPool (x) }"},
  });
}

TEST(TorchOperators, AgreeWhereNothingWasRecorded) {
  expect_equal(
      {
          {"LpNormalization 1",
           "n (float[N,5] x) => (float[N,5] y) { y = LpNormalization <p=1> (x) }"},
          {"LpNormalization 2",
           "n (float[N,5,3] x) => (float[N,5,3] y) { y = LpNormalization <axis = 1> (x) }"},
          {"Gemm with everything",
           "n (float[4,N] a, float[5,4] b, float[1,5] c) => (float[N,5] y) "
           "{ y = Gemm <transA = 1, transB = 1, alpha = 0.5, beta = 2.0> (a, b, c) }"},
          {"MatMul of a vector",
           "n (float[4] a, float[4,5] b) => (float[5] y) { y = MatMul (a, b) }"},
          {"Pad at the edge",
           "n (float[N,2,4,5] x) => (float[N,2,H,W] y) { p = Constant <value = int64[8] "
           "{0,0,2,1,0,0,1,3}> () y = Pad <mode = \"edge\"> (x, p) }"},
          {"Pad that takes away",
           "n (float[N,2,4,5] x) => (float[N,2,H,W] y) { p = Constant <value = int64[8] "
           "{0,0,-1,1,0,0,1,-2}> () y = Pad (x, p) }"},
          {"Slice backwards",
           "n (float[N,7] x) => (float[N,L] y) { s = Constant <value = int64[1] {-2}> () "
           "e = Constant <value = int64[1] {-9223372036854775807}> () "
           "a = Constant <value = int64[1] {1}> () t = Constant <value = int64[1] {-2}> () "
           "y = Slice (x, s, e, a, t) }"},
          {"GatherND of rows",
           "n (float[2,3,4] x) => (float[2,2,4] y) { i = Constant <value = int64[2,2,1] "
           "{0,2,-1,1}> () "
           "y = GatherND <batch_dims = 1> (x, i) }"},
          {"ScatterElements that adds",
           "n (float[3,4] x, float[2,4] u) => (float[3,4] y) { i = Constant <value = int64[2,4] "
           "{0,1,2,0,0,1,-1,2}> () y = ScatterElements <reduction = \"add\"> (x, i, u) }"},
          {"Resize, a share of the place",
           "n (float[1,2,4,5] x) => (float[1,2,H,W] y) { s = Constant <value = float[4] "
           "{1.0,1.0,1.7,0.6}> () y = Resize <mode = \"linear\"> (x, , s) }"},
      },
      "<ir_version: 8, opset_import: [\"\" : 16]>\n");
}

TEST(TorchOperators, AgreeOnLaterOpsets) {
  expect_equal(
      {
          {"Mish", "n (float[N,5] x) => (float[N,5] y) { y = Mish (x) }"},
          {"reduction by input",
           "n (float[N,5,3] x) => (float[N,5,1] y) { a = Constant <value = int64[1] {-1}> () "
           "y = ReduceMean (x, a) }"},
          {"Pad of some axes",
           "n (float[N,2,4,5] x) => (float[N,2,H,W] y) { p = Constant <value = int64[4] {1,0,0,2}> "
           "() "
           "v = Constant <value = float {3.0}> () a = Constant <value = int64[2] {-2,3}> () "
           "y = Pad (x, p, v, a) }"},
          {"Split into unequal parts",
           "n (float[N,5] x) => (float[N,L] y, float[N,M] z) { y, z = Split <axis = 1, num_outputs "
           "= 2> "
           "(x) }"},
          {"GroupNormalization",
           "n (float[N,6,4,4] x, float[3] s, float[3] b) => (float[N,6,4,4] y) "
           "{ y = GroupNormalization <num_groups = 3> (x, s, b) }"},
      },
      "<ir_version: 8, opset_import: [\"\" : 18]>\n");
  expect_equal(
      {
          {"Gelu", "n (float[N,5] x) => (float[N,5] y) { y = Gelu (x) }"},
          {"Gelu by tanh",
           "n (float[N,5] x) => (float[N,5] y) { y = Gelu <approximate = \"tanh\"> (x) }"},
          {"bits",
           "n (int32[N,5] a, int32[N,5] b) => (int32[N,5] w, int32[N,5] x, int32[N,5] y, "
           "int32[N,5] z) "
           "{ w = BitwiseAnd (a, b) x = BitwiseOr (a, b) y = BitwiseXor (a, b) z = BitwiseNot (a) "
           "}"},
      },
      "<ir_version: 9, opset_import: [\"\" : 20]>\n");
}

TEST(TorchOperators, AreFoundInTheStandardDomainOnly) {
  EXPECT_NE(find_torch_operator({.name = "", .op = "Relu"}), nullptr);
  EXPECT_EQ(find_torch_operator({.name = "", .op = "Relu", .domain = "com.example"}), nullptr);
  EXPECT_EQ(find_torch_operator({.name = "", .op = "Loop"}), nullptr);
}

}  // namespace
}  // namespace isthmus
