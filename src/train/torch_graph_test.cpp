#include "train/torch_graph.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "graph/builder.h"
#include "train/mixed_precision.h"
#include "train/torch_fixture.h"

namespace isthmus {
namespace {

using testing::HasSubstr;
using testing::Key;
using testing::UnorderedElementsAre;

template <typename Action>
std::string error_of(ErrorKind kind, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

// conv -> bn -> relu -> conv2 -> bn2 -> relu2 -> pool -> logits
Graph small_network() {
  GraphBuilder net("small");
  std::string x = net.input("image", {-1, 3, 8, 8});
  x = net.conv(x, 4, {.kernel = {3}, .pad = {1}, .name = "conv"});
  x = net.relu(net.batch_norm(x, "bn"), "relu");
  x = net.conv(x, 6, {.kernel = {3}, .bias = true, .name = "conv2"});
  x = net.relu(net.batch_norm(x, "bn2"), "relu2");
  net.output(net.gemm(net.flatten(net.global_average_pool(x, "pool")), 5, "logits"));
  return net.build();
}

std::set<std::string> all_parameters(const TorchGraph& net) {
  std::set<std::string> names;
  for (const auto& [name, _] : net.parameters()) names.insert(name);
  return names;
}

at::Tensor images(std::int64_t batch = 4, int seed = 1) {
  at::manual_seed(static_cast<std::uint64_t>(seed));
  return at::randn({batch, 3, 8, 8});
}

TEST(TorchGraph, ComputesWhatTheEngineComputes) {
  EXPECT_LT(difference_from_engine(small_network()), 1e-5);
}

TEST(TorchGraph, TellsWeightsFromStatisticsAndConstants) {
  GraphBuilder builder("n");
  std::string x = builder.input("x", {-1, 3, 4, 4});
  x = builder.op("Sub", {x, builder.weight("mean", Tensor(DType::kF32, {3, 1, 1}))});
  x = builder.op("Div", {x, builder.weight("six", Tensor::scalar(6.0F))});
  x = builder.relu6(builder.batch_norm(builder.conv(x, 2, {.name = "conv"}), "bn"));
  builder.output(builder.op("PRelu", {x, builder.weight("slope", Tensor(DType::kF32, {1}))}));
  TorchGraph net(builder.build());
  EXPECT_THAT(net.parameters(),
              UnorderedElementsAre(Key("mean"), Key("conv.weight"), Key("bn.weight"),
                                   Key("bn.bias"), Key("slope")));
  EXPECT_THAT(net.buffers(), UnorderedElementsAre(Key("bn.running_mean"), Key("bn.running_var")));
  EXPECT_TRUE(net.parameters().at("conv.weight").is_leaf());
  EXPECT_FALSE(net.parameters().at("conv.weight").requires_grad());
}

TEST(TorchGraph, GivesEveryTensorByName) {
  TorchGraph net(small_network());
  const auto values = net.forward({{"image", images()}}, {"relu", "logits", "image", "bn.bias"});
  EXPECT_THAT(values,
              UnorderedElementsAre(Key("relu"), Key("logits"), Key("image"), Key("bn.bias")));
  EXPECT_EQ(values.at("relu").sizes(), (at::IntArrayRef{4, 4, 8, 8}));
  EXPECT_EQ(values.at("logits").sizes(), (at::IntArrayRef{4, 5}));
}

TEST(TorchGraph, RunsOnlyWhatIsWanted) {
  const Graph graph = parse_graph_text(
      "n (float[N, 4] x, float[N, 4] z) => (float[N, 4] y, float[N, 2] w) "
      "{ a = Neg(x) y = Relu(a) w = MatMul(z, z) }");
  TorchGraph net(graph);
  // Neither the product that cannot be nor its input are missed.
  const at::Tensor x = at::randn({2, 4});
  EXPECT_TRUE(at::equal(net.forward({{"x", x}}, {"a"}).at("a"), -x));
  EXPECT_THAT(error_of(ErrorKind::kInvalid, [&] { net.forward({{"x", x}}, {"w"}); }),
              HasSubstr("input z is missing"));
  EXPECT_THAT(error_of(ErrorKind::kInvalid, [&] { net.forward({{"z", x}}, {"w"}); }),
              HasSubstr("(MatMul)"));
}

TEST(TorchGraph, GoesOnFromAnInnerTensor) {
  TorchGraph net(small_network());
  const auto whole = net.forward({{"image", images()}}, {"relu", "logits"});
  const auto rest = net.forward({{"relu", whole.at("relu")}}, {"logits"});
  EXPECT_TRUE(at::equal(rest.at("logits"), whole.at("logits")));
}

TEST(TorchGraph, TrainsInMixedPrecision) {
  TorchGraph net(small_network());
  net.train_only(all_parameters(net));
  net.set_training(true);
  const at::Tensor exact = net.forward({{"image", images()}}, {"logits"}).at("logits").detach();
  at::Tensor mixed;
  {
    const MixedPrecision precision(true, torch::kCPU);
    mixed = net.forward({{"image", images()}}, {"logits"}).at("logits");
  }
  EXPECT_EQ(mixed.scalar_type(), computes_well_in_bf16(torch::kCPU) ? at::kBFloat16 : at::kFloat);
  EXPECT_LT((mixed - exact).abs().max().item<float>(), 0.05 * exact.abs().max().item<float>());
  mixed.to(at::kFloat).square().sum().backward();
  for (const auto& [name, parameter] : net.parameters())
    EXPECT_EQ(parameter.grad().scalar_type(), at::kFloat) << name;
}

// More rows behind than a stride, which only a dilation allows.
TEST(TorchGraph, DeconvolvesWithMoreRowsThanAStride) {
  TorchGraph net(parse_graph_text(
      "n (float[1, 2, 4, 4] x, float[2, 3, 3, 3] w) => (float[1, 3, 9, 9] y) { y = ConvTranspose "
      "<dilations = [2, 2], output_padding = [1, 1]> (x, w) }"));
  const at::Tensor x = at::randn({1, 2, 4, 4});
  const at::Tensor w = at::randn({2, 3, 3, 3});
  const at::Tensor expected = at::conv_transpose2d(x, w, {}, 1, 0, 1, 1, 2);
  const at::Tensor y = net.forward({{"x", x}, {"w", w}}, {"y"}).at("y");
  ASSERT_EQ(y.sizes(), expected.sizes());
  EXPECT_LT((y - expected).abs().max().item<float>(), 1e-4);
}

TEST(TorchGraph, RefusesWhatItCannotDo) {
  EXPECT_THAT(error_of(ErrorKind::kUnsupported,
                       [] {
                         TorchGraph(parse_graph_text(
                             "n (float[N, 4] x) => (float[N, 4] y) { y = Hardmin (x) }"));
                       }),
              HasSubstr("node Hardmin_0 (Hardmin): training has no such operator"));
  TorchGraph net(small_network());
  EXPECT_THAT(error_of(ErrorKind::kNotFound, [&] { net.forward({}, {"logit"}); }),
              HasSubstr("did you mean logits?"));
  EXPECT_THAT(error_of(ErrorKind::kInvalid,
                       [&] { net.forward({{"image", at::zeros({1, 4, 8, 8})}}, {"logits"}); }),
              HasSubstr("image is Float 1x4x8x8, not float32 ?x3x8x8"));
  EXPECT_THAT(error_of(ErrorKind::kInvalid,
                       [&] { net.forward({{"image", images().to(at::kByte)}}, {"logits"}); }),
              HasSubstr("image is Byte"));
}

TEST(TorchGraph, TrainsWhatItIsTold) {
  TorchGraph net(small_network());
  net.train_only({"conv2.weight", "logits.bias"});
  net.forward({{"image", images()}}, {"logits"}).at("logits").square().sum().backward();
  for (const auto& [name, parameter] : net.parameters()) {
    const bool trained = name == "conv2.weight" || name == "logits.bias";
    EXPECT_EQ(parameter.requires_grad(), trained) << name;
    EXPECT_EQ(parameter.grad().defined(), trained) << name;
  }
  net.train_only({});
  EXPECT_FALSE(net.forward({{"image", images()}}, {"logits"}).at("logits").requires_grad());
  EXPECT_FALSE(net.parameters().at("conv2.weight").grad().defined());
}

TEST(TorchGraph, NamesTheNodeThatStopsAGradient) {
  GraphBuilder builder("n");
  std::string x = builder.conv(builder.input("x", {-1, 3, 4, 4}), 2, {.name = "conv"});
  x = builder.op("Round", {builder.batch_norm(x, "bn")}, {}, "round");
  builder.output(builder.conv(x, 2, {.name = "last"}));
  TorchGraph net(builder.build());
  EXPECT_THAT(net.parameters(), UnorderedElementsAre(Key("last.weight")));
  net.train_only({"last.weight"});
  EXPECT_THAT(error_of(ErrorKind::kUnsupported, [&] { net.train_only({"conv.weight"}); }),
              HasSubstr("node round (Round) has no gradient, so conv.weight"));
  EXPECT_THAT(error_of(ErrorKind::kUnsupported, [&] { net.train_only({"bn.running_var"}); }),
              HasSubstr("running statistic"));
  EXPECT_THAT(error_of(ErrorKind::kNotFound, [&] { net.train_only({"last.weights"}); }),
              HasSubstr("did you mean last.weight?"));
}

TEST(TorchGraph, GivesTheSameGradientsASecondTime) {
  TorchGraph net(small_network());
  net.train_only(all_parameters(net));
  const auto gradient = [&] {
    for (const auto& [_, parameter] : net.parameters()) parameter.mutable_grad().reset();
    net.forward({{"image", images()}}, {"logits"}).at("logits").square().sum().backward();
    return net.parameters().at("conv.weight").grad().clone();
  };
  const at::Tensor first = gradient();
  EXPECT_GT(first.abs().max().item<float>(), 0);
  EXPECT_TRUE(at::equal(first, gradient()));
}

TEST(TorchGraph, AddsUpTheGradientsOfTwoBackwardPasses) {
  TorchGraph net(small_network());
  net.train_only({"logits.bias"});
  const auto back = [&] {
    net.forward({{"image", images()}}, {"logits"}).at("logits").sum().backward();
    return net.parameters().at("logits.bias").grad().clone();
  };
  const at::Tensor once = back();
  EXPECT_TRUE(at::allclose(back(), 2 * once));
}

TEST(TorchGraph, NormalisesByTheBatchInTraining) {
  TorchGraph net(small_network());
  net.train_only(all_parameters(net));
  const at::Tensor x = images(16);
  const auto conv = [&] { return net.forward({{"image", x}}, {"conv"}).at("conv").detach(); };
  const at::Tensor before = net.buffers().at("bn.running_mean").clone();
  net.forward({{"image", x}}, {"bn"});
  EXPECT_TRUE(at::equal(net.buffers().at("bn.running_mean"), before));

  net.set_training(true);
  const at::Tensor y = net.forward({{"image", x}}, {"bn"}).at("bn");
  EXPECT_LT(y.mean({0, 2, 3}).abs().max().item<float>(), 1e-5);
  EXPECT_LT((y.var({0, 2, 3}, false) - 1).abs().max().item<float>(), 1e-2);
  // ONNX's momentum of 0.9 stays.
  EXPECT_TRUE(at::allclose(net.buffers().at("bn.running_mean"),
                           0.9 * before + 0.1 * conv().mean({0, 2, 3}), 1e-4, 1e-6));
  EXPECT_TRUE(at::allclose(net.buffers().at("bn.running_var"),
                           0.9 + 0.1 * conv().var({0, 2, 3}, true), 1e-4, 1e-6));

  net.set_training(false);
  EXPECT_GT((net.forward({{"image", x}}, {"bn"}).at("bn") - y).abs().max().item<float>(), 1e-2);
}

TEST(TorchGraph, LeavesTheStatisticsOfFrozenRegionsAlone) {
  TorchGraph net(small_network());
  net.train_only({"conv2.weight", "bn2.weight", "bn2.bias"});
  net.set_training(true);
  const TorchValues before = TorchGraph(small_network()).buffers();
  const at::Tensor frozen = net.forward({{"image", images()}}, {"bn"}).at("bn");
  net.forward({{"image", images()}}, {"logits"});
  net.set_training(false);
  EXPECT_TRUE(at::equal(net.forward({{"image", images()}}, {"bn"}).at("bn"), frozen));
  for (const auto& [name, value] : net.buffers())
    EXPECT_EQ(at::equal(value, before.at(name)), name.starts_with("bn.")) << name;
}

TEST(TorchGraph, GivesSharedStatisticsToEachNode) {
  GraphBuilder builder("n");
  const std::string zeros = builder.weight("zeros", Tensor(DType::kF32, {3}));
  const std::string ones = builder.weight("ones", Tensor::of<float>({3}, std::vector<float>(3, 1)));
  const auto norm = [&](const std::string& x, const std::string& name) {
    return builder.op("BatchNormalization", {x, ones, zeros, zeros, ones}, {}, name);
  };
  builder.output(norm(norm(builder.input("x", {-1, 3, 4, 4}), "a"), "b"));
  const Graph graph = builder.build();
  TorchGraph net(graph);
  EXPECT_LT(difference_from_engine(graph, net), 1e-5);
  EXPECT_THAT(net.parameters(), UnorderedElementsAre(Key("zeros"), Key("ones")));
  EXPECT_THAT(net.buffers(),
              UnorderedElementsAre(Key("zeros.a"), Key("ones.a"), Key("zeros.b"), Key("ones.b")));
  EXPECT_LT(difference_from_engine(net.trained(), net), 1e-5);
}

TEST(TorchGraph, DropsInTrainingOnly) {
  GraphBuilder builder("n");
  builder.output(builder.op("Dropout", {builder.input("x", {-1, 1000})}, {}, "y"));
  TorchGraph net(builder.build());
  const at::Tensor x = at::ones({10, 1000});
  const auto run = [&] { return net.forward({{"x", x}}, {"y"}).at("y"); };
  EXPECT_TRUE(at::equal(run(), x));
  net.set_training(true);
  EXPECT_NEAR(run().eq(0).to(at::kFloat).mean().item<float>(), 0.5, 0.05);
  EXPECT_NEAR(run().mean().item<float>(), 1, 0.1);
}

TEST(TorchGraph, WritesItsWeightsBackIntoTheGraph) {
  const Graph graph = small_network();
  TorchGraph net(graph);
  EXPECT_EQ(to_onnx(net.trained()), to_onnx(graph));
  net.train_only(all_parameters(net));
  net.set_training(true);
  const double first = 0.1;
  for (int step = 0; step < 3; ++step) {
    net.forward({{"image", images()}}, {"logits"}).at("logits").square().sum().backward();
    const at::NoGradGuard no_gradient;
    for (auto& [name, parameter] : net.parameters()) {
      at::Tensor handle = parameter;
      handle -= first * handle.grad() / (handle.grad().norm() + 1);
    }
  }
  net.set_training(false);
  const Graph trained = net.trained();
  EXPECT_EQ(trained.nodes.size(), graph.nodes.size());
  EXPECT_NE(to_onnx(trained), to_onnx(graph));
  EXPECT_LT(difference_from_engine(trained, net), 1e-5);
  // A second copy of the graph has not noticed.
  EXPECT_EQ(to_onnx(net.trained()), to_onnx(trained));
}

TEST(TorchGraph, TakesImagesOfEitherLayout) {
  TorchGraph net(small_network());
  const at::Tensor x = images();
  const auto run = [&](const at::Tensor& image) {
    return net.forward({{"image", image}}, {"logits"}).at("logits");
  };
  EXPECT_TRUE(at::equal(run(x), run(x.contiguous(at::MemoryFormat::ChannelsLast))));
  const auto relu = net.forward({{"image", x}}, {"relu"}).at("relu");
  EXPECT_TRUE(relu.is_contiguous(at::MemoryFormat::ChannelsLast));
}

// Counts the bytes that libtorch holds.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator& inner) : inner_(inner) {}

  c10::DataPtr allocate(std::size_t bytes) const override {
    c10::DataPtr memory = inner_.allocate(bytes);
    live += bytes;
    peak = std::max(peak, live);
    void* data = memory.get();
    auto* owner = new Block{std::move(memory), bytes};
    return {data, owner, &release, c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  // Of libtorch 2; 1.13 does not ask for it.
  void copy_data(void* to, const void* from, std::size_t bytes) const {
    std::memcpy(to, from, bytes);
  }

  inline static std::size_t live = 0;
  inline static std::size_t peak = 0;

 private:
  struct Block {
    c10::DataPtr memory;
    std::size_t bytes;
  };
  static void release(void* context) {
    auto* block = static_cast<Block*>(context);
    live -= block->bytes;
    delete block;
  }

  c10::Allocator& inner_;
};

TEST(TorchGraph, FreesValuesAfterTheirLastUse) {
  GraphBuilder builder("chain");
  std::string x = builder.input("x", {-1, 1 << 16});
  for (int i = 0; i < 20; ++i) x = builder.op("Neg", {x});
  builder.output(x);
  TorchGraph net(builder.build());
  constexpr std::size_t kValue = sizeof(float) << 16;
  c10::Allocator* before = c10::GetCPUAllocator();
  CountingAllocator counting(*before);
  c10::SetCPUAllocator(&counting, /*priority=*/1);
  {
    const at::Tensor input = at::ones({1, 1 << 16});
    const TorchValues result = net.forward({{"x", input}}, {x});
    EXPECT_EQ(CountingAllocator::live, 2 * kValue);
    // The input, what a node takes and what it makes.
    EXPECT_LE(CountingAllocator::peak, 3 * kValue + 4096);
  }
  EXPECT_EQ(CountingAllocator::live, 0U);
  c10::SetCPUAllocator(before, /*priority=*/1);
}

}  // namespace
}  // namespace isthmus
