#include "split/layer_design.h"

#include <gtest/gtest.h>

#include "graph/cost.h"

namespace isthmus {
namespace {

const LayerDesigns kLayers = {
    {.channels = 8, .kernel = 7, .stride = 2, .pad = {3}},
    {.kind = LayerKind::kMaxPool, .kernel = 3, .stride = 2, .pad = {1}},
    {.channels = 3, .kernel = 2, .stride = 2, .pad = {1, 0}},
    {.kind = LayerKind::kDeconv, .channels = 6, .kernel = 4, .stride = 2, .relu = false},
    {.kind = LayerKind::kAveragePool, .kernel = 2, .stride = 2, .pad = {0}},
};

TEST(LayerDesigns, CountWhatTheGraphCounts) {
  const FeatureShape image{3, 48, 40};
  GraphBuilder net("n");
  const std::string y =
      write_layers(net, net.input("x", {-1, 3, image.height, image.width}), kLayers, "net");
  net.output(y);
  const Graph graph = net.build();
  const FeatureShape output = output_of(image, kLayers);
  EXPECT_EQ(graph.outputs[0].value.shape,
            (Shape{-1, output.channels, output.height, output.width}));
  EXPECT_EQ(output, (FeatureShape{6, 7, 5}));
  EXPECT_EQ(macs_of(image, kLayers), cost_of(graph).macs);
  EXPECT_EQ(y, "net.5.pool");
  EXPECT_TRUE(graph.is_initializer("net.1.conv.weight"));
  EXPECT_TRUE(graph.is_initializer("net.4.bn.running_var"));
  EXPECT_EQ(graph.producer_of("net.4.relu"), -1);
}

TEST(LayerDesigns, GiveAnImpossibleExtentForAWindowThatIsTooLarge) {
  const LayerDesign layer{.channels = 1, .kernel = 7, .pad = {0}};
  EXPECT_LT(output_of({3, 4, 4}, {&layer, 1}).height, 1);
}

// To every extent that a small kernel can reach, exactly, and square or not.
TEST(FittingConv, ReachesItsTarget) {
  for (std::int64_t from = 4; from <= 64; ++from)
    for (std::int64_t to = 1; to <= from + 2; ++to) {
      const FeatureShape x{5, from, from + 8}, y{7, to, to};
      const auto square = fitting_conv({5, from, from}, y);
      if (square) {
        EXPECT_EQ(output_of({5, from, from}, {&*square, 1}), y) << from << " to " << to;
        EXPECT_LE(square->stride, square->kernel);
      }
      const auto oblong = fitting_conv(x, {7, to, to + 4});
      if (oblong) {
        EXPECT_EQ(output_of(x, {&*oblong, 1}), (FeatureShape{7, to, to + 4}));
      }
    }
}

TEST(FittingConv, HasTheUsualWindows) {
  struct Case {
    std::int64_t from, to, kernel, stride;
  };
  // Same, half, half of an odd side, one less, one more, and the published 56 -> 29.
  for (const Case& c : {Case{32, 32, 3, 1},
                        {32, 16, 3, 2},
                        {75, 38, 3, 2},
                        {29, 28, 2, 1},
                        {28, 29, 2, 1},
                        {56, 29, 2, 2}}) {
    SCOPED_TRACE(c.from);
    const auto layer = fitting_conv({4, c.from, c.from}, {8, c.to, c.to});
    ASSERT_TRUE(layer);
    EXPECT_EQ(layer->kernel, c.kernel);
    EXPECT_EQ(layer->stride, c.stride);
    EXPECT_EQ(layer->channels, 8);
  }
  EXPECT_FALSE(fitting_conv({4, 100, 100}, {8, 10, 10}));
  EXPECT_FALSE(fitting_conv({4, 10, 10}, {8, 20, 20}));
}

TEST(FittingDeconv, DoublesWithinTwoPixels) {
  for (std::int64_t to = 12; to <= 16; ++to) {
    const FeatureShape x{4, 7, 7}, y{8, to, to};
    const auto layer = fitting_deconv(x, y);
    ASSERT_TRUE(layer) << to;
    EXPECT_EQ(layer->kind, LayerKind::kDeconv);
    EXPECT_EQ(output_of(x, {&*layer, 1}), y);
  }
  const auto same = fitting_deconv({4, 7, 7}, {8, 7, 7});
  ASSERT_TRUE(same);
  EXPECT_EQ(same->stride, 1);
  EXPECT_FALSE(fitting_deconv({4, 7, 7}, {8, 20, 20}));
  EXPECT_FALSE(fitting_deconv({4, 7, 7}, {8, 9, 9}));
}

}  // namespace
}  // namespace isthmus
