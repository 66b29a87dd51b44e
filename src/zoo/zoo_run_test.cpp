// Zoo networks in the engine: a graph that looks right may still not run.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/rng.h"
#include "engine/engine.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

// Waves of random direction, length and strength in each channel: as different from one another as
// photographs are.
Tensor waves(const Shape& shape, std::uint64_t seed) {
  Tensor image(DType::kF32, shape);
  Rng rng(seed);
  const std::int64_t width = shape.back(), plane = width * shape[shape.size() - 2];
  double x_slope = 0, y_slope = 0, mean = 0;
  std::int64_t at = 0;
  for (float& value : image.mutable_values<float>()) {
    const std::int64_t pixel = at++ % plane;
    if (pixel == 0) {
      x_slope = rng.uniform(-20, 20);
      y_slope = rng.uniform(-20, 20);
      mean = rng.normal();
    }
    const double x = static_cast<double>(pixel % width) / static_cast<double>(width);
    const double y = static_cast<double>(pixel / width) / static_cast<double>(width);
    value = static_cast<float>(mean + std::sin(x * x_slope + y * y_slope));
  }
  return image;
}

Tensor run(Engine& engine, const Tensor& image) { return engine.run({&image, 1}).at(0); }

Shape input_of(const Graph& graph) {
  Shape shape = graph.inputs[0].value.shape;
  shape[0] = 1;
  return shape;
}

// Small inputs, for time; bench/verify_cuts runs the published sizes.
const char* const kSmall[] = {"zoo:alexnet-40m,size=64",
                              "zoo:resnet18,size=64",
                              "zoo:resnet50,size=32,stem=small",
                              "zoo:densenet121,size=64",
                              "zoo:inception-v3,size=96",
                              "zoo:mobilenet-v2,size=64",
                              "zoo:xception,size=71",
                              "zoo:wrn16-2",
                              "zoo:resnet32"};

class RunningNetwork : public ::testing::TestWithParam<const char*> {};

TEST_P(RunningNetwork, GivesFiniteScoresThatDependOnTheImage) {
  const Graph graph = load_model(GetParam());
  const auto engine = make_engine(graph);
  std::set<std::size_t> classes;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Tensor scores = run(*engine, waves(input_of(graph), seed));
    for (const float score : scores.values<float>()) {
      ASSERT_TRUE(std::isfinite(score));
      ASSERT_LT(std::abs(score), 100);
    }
    classes.insert(argmax(scores.values<float>()));
  }
  EXPECT_GE(classes.size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Zoo, RunningNetwork, ::testing::ValuesIn(kSmall),
                         [](const auto& each) { return std::to_string(each.index); });

TEST(C3d, RunsOnSmallClips) {
  const Graph graph = build_network("c3d", {.classes = 5, .input_size = 32});
  const auto engine = make_engine(graph);
  EXPECT_EQ(run(*engine, waves(input_of(graph), 1)).shape(), (Shape{1, 5}));
}

TEST(FoldBatchNorm, KeepsWhatTheNetworkComputes) {
  for (const char* name : {"zoo:resnet20", "zoo:densenet121,size=32", "zoo:mobilenet-v2,size=32"}) {
    SCOPED_TRACE(name);
    const Graph plain = load_model(name), folded = load_model(name + std::string(",fold=1"));
    EXPECT_LT(folded.nodes.size(), plain.nodes.size());
    const Tensor image = waves(input_of(plain), 1);
    // Without the engine's own folding, which would make the two the same.
    const auto scores = [&](const Graph& graph) {
      return run(*make_engine(graph, {.optimise = false}), image);
    };
    EXPECT_LT(max_relative_difference(scores(plain), scores(folded)), 1e-4);
  }
}

}  // namespace
}  // namespace isthmus
