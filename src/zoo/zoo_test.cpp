#include "zoo/zoo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/file.h"
#include "graph/cost.h"
#include "graph/cuts.h"

namespace isthmus {
namespace {

using ::testing::HasSubstr;

std::map<std::string, CutPoint> cuts_by_name(const Graph& graph) {
  std::map<std::string, CutPoint> result;
  for (const CutPoint& cut : cut_points(graph)) result[cut.tensor] = cut;
  return result;
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string error_of_loading(const std::string& spec) {
  return error_of([&] { load_model(spec); });
}

// All but the batch.
bool has_positive_extents(const Shape& shape) {
  return std::all_of(shape.begin() + 1, shape.end(), [](std::int64_t each) { return each > 0; });
}

class EveryNetwork : public ::testing::TestWithParam<ZooEntry> {};

TEST_P(EveryNetwork, HasThePublishedParametersAndKnownShapes) {
  const ZooEntry& entry = GetParam();
  const Graph graph = build_network(entry.name);
  const GraphCost cost = cost_of(graph);
  EXPECT_NEAR(static_cast<double>(cost.params) / static_cast<double>(entry.published_params), 1,
              0.01)
      << cost.params;
  EXPECT_THAT(cost.unknown, ::testing::IsEmpty());
  for (const std::string& tensor : graph.tensors()) {
    const Value value = graph.value_of(tensor);
    ASSERT_TRUE(value.has_shape) << tensor;
    EXPECT_EQ(value.shape[0], -1) << tensor;
    EXPECT_TRUE(std::all_of(value.shape.begin() + 1, value.shape.end(), [](std::int64_t extent) {
      return extent > 0;
    })) << tensor;
  }
}

TEST_P(EveryNetwork, TakesABatchOfImagesAndGivesScores) {
  const ZooEntry& entry = GetParam();
  const Graph graph = build_network(entry.name, {.classes = 7, .seed = 2});
  ASSERT_EQ(graph.inputs.size(), 1U);
  EXPECT_EQ(graph.inputs[0].name, "input");
  EXPECT_EQ(graph.inputs[0].value.symbols[0], "batch");
  Shape expected = {-1};
  expected.insert(expected.end(), entry.input.begin(), entry.input.end());
  EXPECT_EQ(graph.inputs[0].value.shape, expected);
  ASSERT_EQ(graph.outputs.size(), 1U);
  EXPECT_EQ(graph.outputs[0].name, "logits");
  EXPECT_EQ(graph.outputs[0].value.shape, (Shape{-1, 7}));
  EXPECT_EQ(graph.opset(), 13);
}

INSTANTIATE_TEST_SUITE_P(Zoo, EveryNetwork, ::testing::ValuesIn(zoo()), [](const auto& each) {
  std::string name = each.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

// Paper 0, figure 1 and facts.md: elements of the tensor over those of a 3x224x224 input.
TEST(DenseNet, HasThePapersDataSizesAtItsTransitions) {
  struct Case {
    const char* network;
    double relative[3];
  };
  for (const Case& c :
       {Case{"densenet169", {0.667, 0.333, 0.208}}, {"densenet201", {0.667, 0.333, 0.292}}}) {
    SCOPED_TRACE(c.network);
    const auto cuts = cuts_by_name(build_network(c.network));
    for (int i = 0; i < 3; ++i) {
      const auto name = "transition" + std::to_string(i + 1) + ".pool";
      ASSERT_TRUE(cuts.contains(name)) << name;
      EXPECT_NEAR(cuts.at(name).relative, c.relative[i], 0.0005) << name;
    }
  }
}

// Paper 0: 1.28e9, of which 1.261e9 are in convolutions (facts.md).
TEST(DenseNet, HasThePapersMacsBeforeTheFirstTransition) {
  const auto cuts = cuts_by_name(build_network("densenet169"));
  const auto macs = static_cast<double>(cuts.at("transition1.pool").accumulated_macs);
  EXPECT_NEAR(macs / 1.28e9, 1, 0.03);
  EXPECT_NEAR(macs / 1.261e9, 1, 0.001);
}

TEST(WideResNet, HasThePapersMacs) {
  EXPECT_NEAR(static_cast<double>(cost_of(build_network("wrn40-4")).macs) / 1.299e9, 1, 0.001);
}

TEST(WideResNet, HasAnyDepthAndWidth) {
  // Zagoruyko and Komodakis, table 5: 36.5 M parameters.
  EXPECT_NEAR(static_cast<double>(cost_of(build_network("WRN-28-10")).params), 36.5e6, 0.1e6);
  EXPECT_THAT(error_of_loading("zoo:wrn41-4"), HasSubstr("6n + 4"));
}

// facts.md, section 2: the teacher for 32x32 images.
TEST(ResNet, HasTheSmallStemThatIsAskedFor) {
  const Graph graph =
      build_network("resnet50", {.classes = 100, .input_size = 32, .stem = Stem::kSmall});
  EXPECT_EQ(graph.value_of("stage2.3").shape, (Shape{-1, 512, 16, 16}));
  EXPECT_NEAR(static_cast<double>(cost_of(graph).macs), 1.298e9, 0.001e9);
}

TEST(ResNet, HasAStemForImagesOfAnySize) {
  for (const auto& [stem, side] : {std::pair{Stem::kLarge, 24},
                                   {Stem::kHalf, 48},
                                   {Stem::kSmall, 96},
                                   {Stem::kPublished, 96}}) {
    const Graph graph = build_network("resnet20", {.input_size = 96, .stem = stem});
    EXPECT_EQ(graph.value_of("stage1.2").shape, (Shape{-1, 16, side, side}));
  }
  const Graph graph = build_network("resnet18", {.input_size = 96, .stem = Stem::kHalf});
  EXPECT_EQ(graph.value_of("stage1.1").shape, (Shape{-1, 64, 48, 48}));
}

// facts.md, section 0: where ResNet-152 is cut.
TEST(ResNet, EndsItsSecondStageWith512Channels) {
  const auto cuts = cuts_by_name(build_network("resnet152"));
  EXPECT_EQ(cuts.at("stage2.7").shape, (Shape{-1, 512, 28, 28}));
}

// facts.md, section 4: 12.8 MB into the second convolution of C3D, 25.7 MB out of it.
TEST(C3d, HasThePapersActivations) {
  const Graph graph = build_network("c3d", {.classes = 101});
  EXPECT_EQ(value_bytes(graph.value_of("pool1")), 12'845'056);
  EXPECT_EQ(value_bytes(graph.value_of("conv2")), 25'690'112);
  EXPECT_NEAR(static_cast<double>(cost_of(graph).params), 78.41e6, 0.01e6);
}

TEST(BuildNetwork, MakesEqualGraphsFromEqualOptions) {
  const auto bytes = [](std::uint64_t seed) {
    return to_onnx(build_network("resnet20", {.seed = seed}));
  };
  EXPECT_EQ(bytes(1), bytes(1));
  EXPECT_NE(bytes(1), bytes(2));
}

TEST(BuildNetwork, DoesNotMindTheSpellingOfNames) {
  for (const char* name : {"ResNet-50", "resnet_50", "densenet-121", "MobileNetV2", "inceptionv3"})
    EXPECT_NO_THROW(find_in_zoo(name)) << name;
}

TEST(BuildNetwork, RejectsWhatANetworkCannotHave) {
  struct Case {
    const char* spec;
    const char* message;
  };
  for (const Case& c : {Case{"zoo:resnet51", "resnet"},
                        {"zoo:resnet52", "did you mean"},
                        {"zoo:", "no network"},
                        {"zoo:vgg16,stem=small", "stem"},
                        {"zoo:wrn16-2,stem=small", "stem"},
                        {"zoo:resnet50,stem=tiny", "tiny"},
                        {"zoo:resnet50,clases=3", "did you mean classes"},
                        {"zoo:resnet50,classes", "options are"},
                        {"zoo:resnet50,classes=ten", "ten"},
                        {"zoo:resnet50,classes=-1", "-1"},
                        {"zoo:resnet50,size=100000", "100000"},
                        {"zoo:alexnet,size=16", "too small"},
                        {"zoo:inception-v3,size=32", "too small"}}) {
    SCOPED_TRACE(c.spec);
    EXPECT_THAT(error_of_loading(c.spec), HasSubstr(c.message));
  }
}

// However small the input, a network either fits or says so.
TEST(BuildNetwork, NeverHasAnEmptyTensor) {
  for (const char* name : {"alexnet", "resnet18", "densenet121", "inception-v3", "mobilenet-v2",
                           "xception", "c3d", "wrn16-1", "resnet20"})
    for (const std::int64_t size : {1, 2, 3, 7, 17, 75}) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(size));
      std::optional<Graph> graph;
      const std::string error =
          error_of([&] { graph = build_network(name, {.classes = 2, .input_size = size}); });
      if (!graph) {
        EXPECT_THAT(error, HasSubstr("too small"));
        continue;
      }
      for (const std::string& tensor : graph->tensors())
        EXPECT_TRUE(has_positive_extents(graph->value_of(tensor).shape)) << tensor;
    }
}

TEST(LoadModel, ReadsOptionsFromTheSpecification) {
  const Graph graph = load_model("zoo:resnet18,classes=5,size=64,stem=large,seed=3");
  EXPECT_EQ(graph.inputs[0].value.shape, (Shape{-1, 3, 64, 64}));
  EXPECT_EQ(graph.outputs[0].value.shape, (Shape{-1, 5}));
}

TEST(LoadModel, ReadsFiles) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "model.onnx";
  save_graph(build_network("resnet20"), file);
  EXPECT_EQ(load_model(file.string()).outputs[0].name, "logits");
}

TEST(LoadModel, SuggestsTheZooForAFileThatIsNotThere) {
  EXPECT_THAT(error_of_loading("resnet-50"), HasSubstr("zoo:resnet50"));
}

TEST(BuildNetwork, MakesSingleLayersOfAnySize) {
  EXPECT_EQ(cost_of(build_network("dense-100-20")).macs, 100 * 20);
  EXPECT_EQ(cost_of(build_network("conv5-6-3-10")).macs, 6 * 3 * 25 * 100);
  // C3D's second convolution (paper 4, Fig. 19b): 12.8 MB in and 25.7 MB out.
  const Graph conv2 = build_network("conv3d3-128-64-16-56");
  EXPECT_EQ(cost_of(conv2).macs, std::int64_t{128} * 64 * 27 * 16 * 56 * 56);
  EXPECT_EQ(4 * element_count(Shape{64, 16, 56, 56}), 12'845'056);
  EXPECT_EQ(conv2.outputs[0].value.shape, (Shape{-1, 128, 16, 56, 56}));
  EXPECT_THAT(error_of([] { build_network("dense-0-20"); }), HasSubstr("must be in 1..65536"));
}

}  // namespace
}  // namespace isthmus
