// The gradient of every operator that has one, by finite differences.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "graph/builder.h"
#include "train/torch_fixture.h"
#include "train/torch_operator.h"

namespace isthmus {
namespace {

// One number of all outputs: each element with a weight of its own.
at::Tensor weighted_sum(const TorchValues& outputs) {
  at::Tensor sum = at::zeros({}, at::kDouble);
  for (const auto& [name, output] : outputs) {
    if (!output.is_floating_point()) continue;
    const at::Tensor weights = at::arange(1, output.numel() + 1, at::kDouble).sin() + 0.5;
    sum = sum + (output.flatten() * weights).sum();
  }
  return sum;
}

// A view of element i, in row-major order whatever the layout.
at::Tensor element_of(const at::Tensor& tensor, std::int64_t i) {
  at::Tensor element = tensor;
  for (std::int64_t axis = tensor.dim() - 1; axis >= 0; --axis) {
    element = element.select(axis, i % tensor.size(axis));
    i /= tensor.size(axis);
  }
  return element;
}

// Largest |autograd - (f(x + h) - f(x - h)) / 2h| over the elements of all f64 inputs and
// parameters, relative to the largest gradient.
double gradient_error(const Graph& graph) {
  constexpr double kStep = 1e-6;
  TorchGraph net(graph);
  std::set<std::string> names;
  for (const auto& [name, _] : net.parameters()) names.insert(name);
  net.train_only(names);
  TorchValues inputs = named_inputs(graph, random_inputs(graph));
  TorchValues leaves = net.parameters();
  for (auto& [name, input] : inputs)
    if (input.is_floating_point()) leaves[name] = input.requires_grad_();
  const auto value = [&] { return weighted_sum(net.forward(inputs, output_names(graph))); };
  value().backward();
  double worst = 0;
  double scale = 1;
  for (const auto& [name, leaf] : leaves) {
    const at::Tensor gradient = leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
    const at::NoGradGuard no_gradient;
    for (std::int64_t i = 0; i < leaf.numel(); ++i) {
      at::Tensor element = element_of(leaf, i);
      element += kStep;
      const double above = value().item<double>();
      element -= 2 * kStep;
      const double below = value().item<double>();
      element += kStep;
      const double slope = (above - below) / (2 * kStep);
      worst = std::max(worst, std::abs(slope - gradient.reshape(-1)[i].item<double>()));
      scale = std::max(scale, std::abs(slope));
    }
  }
  return worst / scale;
}

struct GradientCase {
  const char* op;
  // The body of a graph from `inputs` to y.
  const char* body;
  const char* inputs = "double[2,3] x";
  const char* output = "double y";
  int opset = 17;
};

std::string text_of(const GradientCase& c) {
  return "<ir_version: 8, opset_import: [\"\" : " + std::to_string(c.opset) + "]>\nn (" + c.inputs +
         ") => (" + c.output + ") { " + c.body + " }";
}

constexpr const char* kTwo = "double[2,3] x, double[1,3] z";
constexpr const char* kImage = "double[2,4,5,4] x";
constexpr const char* kFilters = "double[2,4,5,4] x, double[2,4,3,2] w, double[2] b";
constexpr const char* kAffine = "double[2,4,3,2] x, double[4] s, double[4] b";

const std::vector<GradientCase>& layers() {
  static const std::vector<GradientCase> cases = {
      {"Conv", "y = Conv <pads = [1,0,1,1], strides = [2,1]> (x, w, b)", kFilters},
      {"Conv", "y = Conv <group = 4, dilations = [2,1]> (x, w)",
       "double[2,4,5,4] x, double[4,1,2,2] w"},
      {"ConvTranspose", "y = ConvTranspose <strides = [2,2], pads = [0,1,1,0]> (x, w, b)",
       "double[1,2,3,3] x, double[2,2,3,2] w, double[2] b"},
      {"MaxPool", "y = MaxPool <kernel_shape = [2,2], pads = [0,0,1,1]> (x)", kImage},
      {"AveragePool", "y = AveragePool <kernel_shape = [2,2], pads = [0,0,1,1]> (x)", kImage},
      {"LpPool", "y = LpPool <kernel_shape = [2,2]> (x)", kImage},
      {"GlobalAveragePool", "y = GlobalAveragePool (x)", kImage},
      {"GlobalMaxPool", "y = GlobalMaxPool (x)", kImage},
      {"GlobalLpPool", "y = GlobalLpPool (x)", kImage},
      {"BatchNormalization",
       "m = Constant <value = double[4] {0.1,-0.2,0.3,0.0}> () "
       "v = Constant <value = double[4] {0.5,1.0,2.0,1.5}> () "
       "y = BatchNormalization (x, s, b, m, v)",
       kAffine},
      {"InstanceNormalization", "y = InstanceNormalization (x, s, b)", kAffine},
      {"LayerNormalization", "y = LayerNormalization <axis = 2> (x, s, b)",
       "double[2,3,4] x, double[4] s, double[4] b"},
      {"GroupNormalization", "y = GroupNormalization <num_groups = 2> (x, s, b)",
       "double[2,4,3,2] x, double[2] s, double[2] b", "double y", 18},
      {"MeanVarianceNormalization", "y = MeanVarianceNormalization (x)", kImage},
      {"LpNormalization", "y = LpNormalization (x)"},
      {"LRN", "y = LRN <size = 3, alpha = 0.5> (x)", kImage},
      {"Dropout", "y = Dropout (x)"},
      {"MatMul", "y = MatMul (x, z)", "double[2,2,3] x, double[3,4] z"},
      {"Gemm", "y = Gemm <alpha = 0.5, beta = 2.0, transB = 1> (x, w, b)",
       "double[2,3] x, double[4,3] w, double[4] b"},
      {"Gemm", "y = Gemm (x, w, b)", "double[2,3] x, double[3,4] w, double[4] b"},
      {"Einsum", "y = Einsum <equation = \"ij,kj->ik\"> (x, z)", "double[2,3] x, double[4,3] z"},
      {"Det", "y = Det (x)", "double[2,3,3] x"},
  };
  return cases;
}

const std::vector<GradientCase>& elementwise() {
  static const std::vector<GradientCase> cases = {
      {"Abs", "y = Abs (x)"},
      {"Acos", "a = Tanh (x) y = Acos (a)"},
      {"Acosh", "a = Exp (x) o = Exp (a) y = Acosh (o)"},
      {"Asin", "a = Tanh (x) y = Asin (a)"},
      {"Asinh", "y = Asinh (x)"},
      {"Atan", "y = Atan (x)"},
      {"Atanh", "h = Tanh (x) a = Sin (h) y = Atanh (a)"},
      {"Cos", "y = Cos (x)"},
      {"Cosh", "y = Cosh (x)"},
      {"Erf", "y = Erf (x)"},
      {"Exp", "y = Exp (x)"},
      {"Log", "a = Sigmoid (x) y = Log (a)"},
      {"Neg", "y = Neg (x)"},
      {"Reciprocal", "a = Exp (x) y = Reciprocal (a)"},
      {"Sin", "y = Sin (x)"},
      {"Sinh", "y = Sinh (x)"},
      {"Sqrt", "a = Exp (x) y = Sqrt (a)"},
      {"Tan", "a = Tanh (x) y = Tan (a)"},
      {"Add", "y = Add (x, z)", kTwo},
      {"Sub", "y = Sub (x, z)", kTwo},
      {"Mul", "y = Mul (x, z)", kTwo},
      {"Div", "a = Exp (z) y = Div (x, a)", kTwo},
      {"Pow", "a = Exp (x) e = Constant <value = double {2.5}> () y = Pow (a, e)"},
      {"Max", "y = Max (x, z)", kTwo},
      {"Min", "y = Min (x, z)", kTwo},
      {"Sum", "y = Sum (x, z, x)", kTwo},
      {"Mean", "y = Mean (x, z)", kTwo},
      {"Mod", "m = Constant <value = double {0.7}> () y = Mod <fmod = 1> (x, m)"},
      {"Clip",
       "l = Constant <value = double {-0.3}> () h = Constant <value = double {0.6}> () "
       "y = Clip (x, l, h)"},
      {"Where", "c = Greater (x, z) y = Where (c, x, z)", kTwo},
      {"Cast", "a = Cast <to = 11> (x) y = Mul (a, x)"},
      {"CastLike", "y = CastLike (x, x)"},
      {"Relu", "y = Relu (x)"},
      {"LeakyRelu", "y = LeakyRelu <alpha = 0.2> (x)"},
      {"PRelu", "y = PRelu (x, z)", kTwo},
      {"ThresholdedRelu", "y = ThresholdedRelu <alpha = 0.3> (x)"},
      {"Elu", "y = Elu <alpha = 0.7> (x)"},
      {"Celu", "y = Celu <alpha = 0.7> (x)"},
      {"Selu", "y = Selu (x)"},
      {"Gelu", "y = Gelu (x)", "double[2,3] x", "double y", 20},
      {"Sigmoid", "y = Sigmoid (x)"},
      {"HardSigmoid", "y = HardSigmoid (x)"},
      {"HardSwish", "y = HardSwish (x)"},
      {"Mish", "y = Mish (x)", "double[2,3] x", "double y", 18},
      {"Tanh", "y = Tanh (x)"},
      {"Softplus", "y = Softplus (x)"},
      {"Softsign", "y = Softsign (x)"},
      {"Shrink", "y = Shrink <bias = 0.1> (x)"},
      {"Softmax", "y = Softmax (x)"},
      {"LogSoftmax", "y = LogSoftmax <axis = 0> (x)"},
  };
  return cases;
}

const std::vector<GradientCase>& moving() {
  constexpr const char* three = "double[2,3,4] x";
  static const std::vector<GradientCase> cases = {
      {"ReduceSum", "y = ReduceSum (x)"},
      {"ReduceMean", "y = ReduceMean <axes = [1], keepdims = 0> (x)"},
      {"ReduceMax", "y = ReduceMax <axes = [1]> (x)"},
      {"ReduceMin", "y = ReduceMin <axes = [0]> (x)"},
      {"ReduceProd", "y = ReduceProd <axes = [0,2]> (x)", three},
      {"ReduceL1", "y = ReduceL1 <axes = [1]> (x)"},
      {"ReduceL2", "y = ReduceL2 <axes = [1]> (x)"},
      {"ReduceSumSquare", "y = ReduceSumSquare <axes = [1]> (x)"},
      {"ReduceLogSum", "a = Exp (x) y = ReduceLogSum <axes = [1]> (a)"},
      {"ReduceLogSumExp", "y = ReduceLogSumExp <axes = [1]> (x)"},
      {"CumSum",
       "a = Constant <value = int64 {1}> () y = CumSum <reverse = 1, exclusive = 1> (x, a)"},
      {"TopK", "k = Constant <value = int64[1] {2}> () y, i = TopK (x, k)"},
      {"Reshape", "s = Constant <value = int64[2] {3,-1}> () y = Reshape (x, s)"},
      {"Flatten", "y = Flatten (x)", three},
      {"Squeeze", "y = Squeeze (x)", "double[2,1,3] x"},
      {"Unsqueeze", "a = Constant <value = int64[1] {1}> () y = Unsqueeze (x, a)"},
      {"Transpose", "y = Transpose <perm = [2,0,1]> (x)", three},
      {"Expand", "s = Constant <value = int64[3] {2,1,3}> () y = Expand (x, s)"},
      {"Tile", "r = Constant <value = int64[2] {2,1}> () y = Tile (x, r)"},
      {"Identity", "y = Identity (x)"},
      {"Concat", "y = Concat <axis = 0> (x, z, x)", kTwo},
      {"Split", "y, z = Split <axis = 1> (x)", "double[2,4] x", "double y, double z"},
      {"DepthToSpace", "y = DepthToSpace <blocksize = 2> (x)", kImage},
      {"SpaceToDepth", "y = SpaceToDepth <blocksize = 2> (x)", "double[1,2,4,4] x"},
      {"Trilu", "y = Trilu (x)", "double[3,3] x"},
      {"Slice",
       "s = Constant <value = int64[2] {0,-1}> () e = Constant <value = int64[2] {9,-9}> () "
       "a = Constant <value = int64[2] {0,1}> () t = Constant <value = int64[2] {1,-2}> () "
       "y = Slice (x, s, e, a, t)"},
      {"Pad", "p = Constant <value = int64[4] {1,-1,0,2}> () y = Pad (x, p)"},
      {"Pad", "p = Constant <value = int64[4] {1,2,0,2}> () y = Pad <mode = \"reflect\"> (x, p)"},
      {"Gather", "i = Constant <value = int64[3] {0,-1,0}> () y = Gather <axis = 1> (x, i)"},
      {"GatherElements",
       "i = Constant <value = int64[2,2] {0,-1,1,1}> () "
       "y = GatherElements <axis = 1> (x, i)"},
      {"GatherND", "i = Constant <value = int64[2,2] {0,1,1,-1}> () y = GatherND (x, i)"},
      {"Scatter", "i = Constant <value = int64[1,3] {1,0,1}> () y = Scatter (x, i, z)", kTwo,
       "double y", 10},
      {"ScatterElements",
       "i = Constant <value = int64[1,3] {1,0,1}> () "
       "y = ScatterElements <reduction = \"add\"> (x, i, z)",
       kTwo, "double y", 16},
      {"ScatterND", "i = Constant <value = int64[1,1] {1}> () y = ScatterND (x, i, z)", kTwo},
      {"Compress", "c = Constant <value = bool[3] {1,0,1}> () y = Compress <axis = 1> (x, c)"},
      {"GridSample", "g = Tanh (z) y = GridSample (x, g)", "double[1,2,4,4] x, double[1,3,2,2] z",
       "double y", 16},
      {"Resize",
       "s = Constant <value = float[4] {1.0,1.0,1.6,0.7}> () "
       "y = Resize <mode = \"cubic\", exclude_outside = 1> (x, , s)",
       kImage},
      {"Resize",
       "s = Constant <value = float[4] {1.0,1.0,2.0,2.0}> () "
       "y = Resize <mode = \"linear\"> (x, , s)",
       kImage},
      {"Upsample", "s = Constant <value = float[4] {1.0,1.0,2.0,2.0}> () y = Upsample (x, s)",
       kImage, "double y", 9},
  };
  return cases;
}

void expect_gradients(const std::vector<GradientCase>& cases) {
  for (const GradientCase& c : cases) {
    SCOPED_TRACE(c.op);
    EXPECT_LT(gradient_error(parse_graph_text(text_of(c))), 1e-7);
  }
}

TEST(TorchGradient, OfLayersIsTheSlope) { expect_gradients(layers()); }
TEST(TorchGradient, OfElementwiseOperatorsIsTheSlope) { expect_gradients(elementwise()); }
TEST(TorchGradient, OfWhatMovesNumbersIsTheSlope) { expect_gradients(moving()); }

TEST(TorchGradient, IsCheckedForEveryOperatorThatHasOne) {
  std::set<std::string> checked;
  for (const auto* cases : {&layers(), &elementwise(), &moving()})
    for (const GradientCase& c : *cases) checked.insert(c.op);
  for (const std::string& name : torch_operator_names()) {
    const bool has_gradient = find_torch_operator({.name = "", .op = name})->gradient != kNoInput;
    EXPECT_EQ(checked.contains(name), has_gradient) << name;
  }
}

// A network of weights and statistics rather than of inputs.
TEST(TorchGradient, ReachesTheWeightsOfANetwork) {
  GraphBuilder net("net");
  const auto wide = [](const Shape& shape, std::uint64_t seed) {
    return random_tensor(DType::kF64, shape, seed);
  };
  const std::string x = net.input("x", {2, 2, 5, 5}, DType::kF64);
  const std::string w = net.weight("w", wide({3, 2, 3, 3}, 1));
  const std::string conv = net.op("Conv", {x, w});
  const std::string one = net.weight("v", Tensor::of<double>({3}, std::vector<double>{1, 2, 3}));
  const std::string norm = net.op(
      "BatchNormalization", {conv, net.weight("s", wide({3}, 2)), net.weight("b", wide({3}, 3)),
                             net.weight("m", wide({3}, 4)), one});
  net.output(net.op("Gemm", {net.flatten(net.relu(norm)), net.weight("g", wide({27, 4}, 5))}));
  EXPECT_LT(gradient_error(net.build()), 1e-7);
}

}  // namespace
}  // namespace isthmus
