#include "plan/strategies.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "graph/builder.h"
#include "graph/cuts.h"

namespace isthmus {
namespace {

// 3x16x16 -> 8x16x16 -> 8x8x8 -> 4x8x8 -> 16x4x4 -> 5: data sizes 2.67, 0.67, 0.33, 0.33, ...
Graph network() {
  GraphBuilder net("net");
  std::string x = net.input("image", {-1, 3, 16, 16});
  x = net.relu(net.conv(x, 8, {.kernel = {3}, .pad = {1}}), "wide");
  x = net.max_pool(x, {.kernel = {2}, .stride = {2}, .name = "pooled"});
  x = net.relu(net.conv(x, 4, {.kernel = {3}, .pad = {1}}), "narrow");
  x = net.relu(net.conv(x, 16, {.kernel = {3}, .stride = {2}, .pad = {1}}), "late");
  x = net.gemm(net.flatten(net.global_average_pool(x)), 5, "logits");
  net.output(x);
  return net.build();
}

const StrategyOptions kOptions = {.device = "camera", .server = "server"};

TEST(Strategies, PlaceTheWholeOrItsHalves) {
  const Graph graph = network();
  const LoadedPlan local = local_plan(graph, "net", kOptions);
  EXPECT_EQ(local.plan.name, "local");
  EXPECT_EQ(local.plan.parts[0].machines, std::vector<std::string>{"camera"});
  const LoadedPlan jpeg = offload_plan(graph, "net", "jpeg:75", kOptions);
  EXPECT_EQ(jpeg.plan.name, "jpeg:75");
  EXPECT_EQ(jpeg.plan.parts[0].machines, std::vector<std::string>{"server"});
  EXPECT_EQ(jpeg.plan.edges[0].codec.name, "jpeg:75");
  EXPECT_EQ(jpeg.plan.answers()[0]->codec.name, "top:5");
  EXPECT_EQ(offload_plan(graph, "net", "u8", kOptions).plan.name, "offload/u8");
  // The whole is one and the same part, so it is sent and measured once.
  EXPECT_EQ(local.plan.parts[0].sha256, jpeg.plan.parts[0].sha256);
}

TEST(Strategies, CutBetweenDeviceAndServer) {
  const LoadedPlan cut =
      cut_plan(network(), "net", {"narrow"}, {.name = "u8", .range = {{0, 6}}}, kOptions);
  EXPECT_EQ(cut.plan.name, "cut:narrow/u8");
  EXPECT_EQ(cut.plan.find("head")->machines, std::vector<std::string>{"camera"});
  EXPECT_EQ(cut.plan.find("tail")->machines, std::vector<std::string>{"server"});
  EXPECT_EQ(cut.plan.input.tensor, "image");
  EXPECT_EQ(cut.plan.input.shape, (Shape{1, 3, 16, 16}));
  bool crossing = false;
  for (const PlanEdge& edge : cut.plan.edges) {
    if (edge.edge.from_part != "head") continue;
    crossing = true;
    EXPECT_EQ(edge.codec.name, "u8");
    EXPECT_EQ((*edge.codec.range)[1], 6.0F);
  }
  EXPECT_TRUE(crossing);
}

TEST(PromisingCuts, AreNotBeatenInWorkAndBytes) {
  const Graph graph = network();
  const auto cuts = promising_cuts(graph, 100);
  ASSERT_FALSE(cuts.empty());
  const auto all = cut_points(graph);
  std::int64_t macs = -1;
  for (const std::string& name : cuts) {
    SCOPED_TRACE(name);
    const auto cut = std::ranges::find(all, name, &CutPoint::tensor);
    ASSERT_NE(cut, all.end());
    EXPECT_GT(cut->accumulated_macs, macs);
    macs = cut->accumulated_macs;
    for (const CutPoint& other : all) {
      const bool better =
          other.relative <= cut->relative && other.accumulated_macs <= cut->accumulated_macs &&
          (other.relative < cut->relative || other.accumulated_macs < cut->accumulated_macs);
      EXPECT_FALSE(better) << other.tensor;
    }
  }
}

TEST(PromisingCuts, LieBehindTheActivation) {
  const auto cuts = promising_cuts(network(), 100);
  // The convolution before it is as large and as cheap.
  EXPECT_NE(std::ranges::find(cuts, "narrow"), cuts.end());
  for (const std::string& cut : cuts) EXPECT_EQ(cut.find("Flatten"), std::string::npos);
}

TEST(PromisingCuts, KeepBothEndsWhenThereAreTooMany) {
  const Graph graph = network();
  const auto all = promising_cuts(graph, 100);
  ASSERT_GE(all.size(), 3U);
  EXPECT_EQ(promising_cuts(graph, 2), (std::vector<std::string>{all.front(), all.back()}));
  EXPECT_EQ(promising_cuts(graph, 1).size(), 1U);
  EXPECT_TRUE(promising_cuts(graph, 0).empty());
}

}  // namespace
}  // namespace isthmus
