// Whole networks on libtorch and in the engine: the zoo in small sizes, and the trained ones.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/file.h"
#include "train/torch_fixture.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

const char* const kSmall[] = {"zoo:alexnet-40m,size=64,classes=10",
                              "zoo:resnet18,size=64",
                              "zoo:resnet50,size=32,stem=small",
                              "zoo:densenet121,size=64",
                              "zoo:inception-v3,size=96",
                              "zoo:mobilenet-v2,size=64",
                              "zoo:xception,size=71",
                              "zoo:c3d,size=32,classes=5",
                              "zoo:wrn16-2",
                              "zoo:resnet20",
                              "zoo:resnet20,fold=1"};

class TorchNetwork : public ::testing::TestWithParam<const char*> {};

TEST_P(TorchNetwork, ComputesWhatTheEngineComputes) {
  EXPECT_LT(difference_from_engine(load_model(GetParam()), 1, 1), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Zoo, TorchNetwork, ::testing::ValuesIn(kSmall),
                         [](const auto& each) { return std::to_string(each.index); });

// Every weight of every network can be trained.
TEST(TorchNetworks, HaveAGradientForEveryWeight) {
  for (const char* spec : {"zoo:resnet20", "zoo:densenet121,size=32", "zoo:mobilenet-v2,size=32"}) {
    SCOPED_TRACE(spec);
    const Graph graph = load_model(spec);
    TorchGraph net(graph);
    std::set<std::string> names;
    for (const auto& [name, _] : net.parameters()) names.insert(name);
    net.train_only(names);
    net.set_training(true);
    const TorchValues values =
        net.forward(named_inputs(graph, random_inputs(graph, 1, 4)), {"logits"});
    values.at("logits").square().sum().backward();
    for (const auto& [name, parameter] : net.parameters()) {
      ASSERT_TRUE(parameter.grad().defined()) << name;
      EXPECT_TRUE(at::isfinite(parameter.grad()).all().item<bool>()) << name;
    }
    for (const auto& [name, initializer] : graph.initializers) {
      const bool statistic = name.find("running_") != std::string::npos;
      const bool weight =
          initializer.tensor.dtype() == DType::kF32 && initializer.tensor.size() > 1;
      EXPECT_EQ(net.parameters().contains(name), weight && !statistic) << name;
    }
  }
}

TEST(TorchNetworks, ThatWereTrainedComputeWhatTheEngineComputes) {
  const auto folder = data_folder() / "models";
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".onnx") files.push_back(entry.path());
  if (files.empty()) GTEST_SKIP() << "no models in " << folder;
  std::ranges::sort(files);
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename());
    const Graph graph = load_graph(file);
    EXPECT_LT(difference_from_engine(graph), 1e-4);
    EXPECT_EQ(to_onnx(TorchGraph(graph).trained()), to_onnx(graph));
  }
}

}  // namespace
}  // namespace isthmus
