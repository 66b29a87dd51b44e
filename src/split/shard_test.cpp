#include "split/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/error.h"
#include "graph/builder.h"
#include "graph/cuts.h"
#include "split/box.h"
#include "split/printed_counts.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> equal_shares(std::size_t count) { return std::vector<double>(count, 1.0); }

// Elements sent for one frame: to the shards, and from them.
std::int64_t sent(const std::vector<ShardCost>& costs) {
  return std::accumulate(
      costs.begin(), costs.end(), std::int64_t{0},
      [](std::int64_t sum, const ShardCost& shard) { return sum + shard.input + shard.output; });
}

TEST(Divide, FollowsTheSharesAndLeavesNoPieceEmpty) {
  EXPECT_THAT(divide(10, {1, 1}), ElementsAre(IndexRange{0, 5}, IndexRange{5, 10}));
  EXPECT_THAT(divide(10, {3, 1, 1}),
              ElementsAre(IndexRange{0, 6}, IndexRange{6, 8}, IndexRange{8, 10}));
  EXPECT_THAT(divide(3, {100, 1, 1}),
              ElementsAre(IndexRange{0, 1}, IndexRange{1, 2}, IndexRange{2, 3}));
  EXPECT_THAT(divide(12, {1, 1}, 4), ElementsAre(IndexRange{0, 8}, IndexRange{8, 12}));
  EXPECT_THROW(divide(2, {1, 1, 1}), Error);
  EXPECT_THROW(divide(9, {1, 0}), Error);
}

TEST(DivideBlocks, GivesWholeBlocksOrPiecesOfOne) {
  const auto ends = [](std::int64_t extent, std::int64_t blocks, std::vector<double> shares) {
    std::vector<std::int64_t> result;
    for (const IndexRange& piece : divide_blocks(extent, blocks, shares))
      result.push_back(piece.end);
    return result;
  };
  EXPECT_EQ(ends(12, 4, {1, 1}), (std::vector<std::int64_t>{6, 12}));
  EXPECT_EQ(ends(12, 4, {3, 1}), (std::vector<std::int64_t>{9, 12}));
  EXPECT_EQ(ends(12, 2, {1, 1, 1}), (std::vector<std::int64_t>{6, 9, 12}));
  EXPECT_EQ(ends(12, 2, {1, 1, 2}), (std::vector<std::int64_t>{3, 6, 12}));
  // A block has room for two.
  EXPECT_EQ(ends(4, 2, {1, 1, 1, 3}), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(ends(4, 2, {3, 1, 1, 1}), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(ends(6, 3, {9, 1, 1, 1}), (std::vector<std::int64_t>{2, 4, 5, 6}));
}

// Paper 4, Table 1, with weights per node d_i d_o / n for both splits (facts.md).
TEST(ShardCosts, OfDenseLayersAreThePapers) {
  GraphBuilder net("dense");
  net.output(net.relu(net.gemm(net.input("x", {-1, 7680}), 512), "y"));
  const Graph graph = net.build();
  const std::int64_t in = 7680;
  const std::int64_t out = 512;
  const std::int64_t n = 4;
  const auto output = shard_costs(
      graph, "", {.until = "y", .kind = ShardKind::kChannel, .shares = equal_shares(4)});
  EXPECT_EQ(sent(output), n * in + out);
  const auto input =
      shard_costs(graph, "", {.until = "y", .kind = ShardKind::kInput, .shares = equal_shares(4)});
  EXPECT_EQ(sent(input), in + n * out);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(output[i].macs, in * out / n);
    EXPECT_EQ(input[i].macs, in * out / n);
    EXPECT_EQ(output[i].weights, in * out / n + out / n);
    // The bias is added once.
    EXPECT_EQ(input[i].weights, in * out / n + (i == 0 ? out : 0));
  }
}

// Paper 4, Table 2, and the true input elements of a d x d split with "same" padding (facts.md).
TEST(ShardCosts, OfConvolutionsAreThePapers) {
  const std::int64_t side = 24;
  const std::int64_t in = 6;
  const std::int64_t out = 12;
  for (const std::int64_t kernel : {3, 5, 9}) {
    SCOPED_TRACE(kernel);
    const std::int64_t p = kernel / 2;
    GraphBuilder net("convolution");
    const std::string x = net.input("x", {-1, in, side, side});
    net.output(net.relu(net.conv(x, out, {.kernel = {kernel}, .pad = {p}}), "y"));
    const Graph graph = net.build();
    const std::int64_t all = side * side * out * in * kernel * kernel;
    const auto costs = [&](ShardKind kind, std::size_t n, int rows = 0) {
      return shard_costs(graph, "",
                         {.until = "y", .kind = kind, .shares = equal_shares(n), .rows = rows});
    };
    const auto channel = costs(ShardKind::kChannel, 3);
    EXPECT_EQ(sent(channel), (3 * in + out) * side * side);
    EXPECT_EQ(channel[1].weights, out / 3 * in * kernel * kernel);
    const auto filter = costs(ShardKind::kInput, 3);
    EXPECT_EQ(sent(filter), (in + 3 * out) * side * side);
    EXPECT_EQ(filter[1].weights, out * in / 3 * kernel * kernel);
    const auto spatial = costs(ShardKind::kSpatial, 9, 3);
    const std::int64_t extended = side + 2 * p * 2;
    EXPECT_EQ(sent(spatial), extended * extended * in + side * side * out);
    EXPECT_EQ(spatial[4].weights, out * in * kernel * kernel);
    for (const auto* each : {&channel, &filter, &spatial}) {
      std::int64_t macs = 0;
      for (const ShardCost& shard : *each) macs += shard.macs;
      EXPECT_EQ(macs, all);
    }
  }
}

TEST(PrintedCounts, AreThePapersWithItsErrors) {
  GraphBuilder dense("dense");
  dense.output(dense.relu(dense.gemm(dense.input("x", {-1, 100}), 30), "y"));
  const auto output = printed_counts(dense.build(), ShardKind::kChannel, 4);
  ASSERT_TRUE(output);
  EXPECT_DOUBLE_EQ(output->macs, 100.0 * 30 / 4);
  EXPECT_DOUBLE_EQ(output->weights, 4.0 * 100);
  EXPECT_DOUBLE_EQ(output->sent, 4.0 * 100 + 30);
  EXPECT_DOUBLE_EQ(printed_counts(dense.build(), ShardKind::kInput, 4)->sent, 100 + 4.0 * 30);
  EXPECT_FALSE(printed_counts(dense.build(), ShardKind::kSpatial, 4));
  // Several vectors a frame are none of the paper's.
  GraphBuilder rows("rows");
  rows.output(
      rows.op("MatMul", {rows.input("x", {-1, 7, 100}), rows.random_weight("w", {100, 30}, 1)}));
  EXPECT_FALSE(printed_counts(rows.build(), ShardKind::kChannel, 4));

  GraphBuilder net("convolution");
  const std::string x = net.input("x", {-1, 6, 24, 24});
  net.output(net.relu(net.conv(x, 12, {.kernel = {5}, .pad = {2}}), "y"));
  const Graph graph = net.build();
  const double pixels = 24 * 24;
  EXPECT_DOUBLE_EQ(printed_counts(graph, ShardKind::kChannel, 3)->sent, (3 * 6 + 12) * pixels);
  EXPECT_DOUBLE_EQ(printed_counts(graph, ShardKind::kInput, 3)->sent, (6 + 12 * 3) * pixels);
  EXPECT_DOUBLE_EQ(printed_counts(graph, ShardKind::kChannel, 3)->weights, 4.0 * 6 * 25);
  // Eq. 2: a quarter of the input, and 4 x 2 x (4 - 2) overlapping elements.
  const auto regions = printed_counts(graph, ShardKind::kSpatial, 4);
  ASSERT_TRUE(regions);
  EXPECT_DOUBLE_EQ(regions->sent, (4 * (pixels * 6 / 4 + 16) + 12) * pixels);
  EXPECT_DOUBLE_EQ(regions->weights, 12.0 * 6 * 25);
  EXPECT_FALSE(printed_counts(graph, ShardKind::kSpatial, 3));
  // Several layers are none of the paper's.
  EXPECT_FALSE(printed_counts(build_network("resnet20"), ShardKind::kChannel, 2));
}

// Two 3x3 convolutions in one run reach two rows beyond their region, and work on one row twice.
TEST(ShardCosts, CountTheOverlapOfFusedLayers) {
  GraphBuilder net("fused");
  std::string x = net.input("x", {-1, 4, 16, 16});
  x = net.conv(x, 4, {.kernel = {3}, .pad = {1}, .name = "a"});
  net.output(net.conv(x, 4, {.kernel = {3}, .pad = {1}, .name = "b"}));
  const auto costs = shard_costs(
      net.build(), "", {.until = "b", .kind = ShardKind::kSpatial, .shares = equal_shares(2)});
  ASSERT_EQ(costs.size(), 2U);
  EXPECT_EQ(costs[0].input, 4 * 10 * 16);
  EXPECT_EQ(costs[0].output, 4 * 8 * 16);
  EXPECT_DOUBLE_EQ(costs[0].shares.at("a"), 9.0 / 16);
  EXPECT_DOUBLE_EQ(costs[0].shares.at("b"), 8.0 / 16);
}

TEST(StagedPartition, NamesItsParts) {
  const Graph graph = build_network("resnet20");
  const auto cuts = cut_points(graph);
  const Partition partition = staged_partition(
      graph, std::vector<StageSpec>{
                 {.until = cuts[2].tensor},
                 {.until = cuts[8].tensor, .kind = ShardKind::kSpatial, .shares = {1, 1}},
                 {.until = graph.outputs[0].name}});
  std::vector<std::string> names;
  for (const Part& part : partition.parts) names.push_back(part.name);
  EXPECT_THAT(names, ElementsAre("stage1", "stage2.scatter", "stage2.shard1", "stage2.shard2",
                                 "stage2.merge", "stage3"));
}

TEST(StagedPartition, RefusesStagesThatDoNotFit) {
  GraphBuilder net("tiny");
  std::string x = net.input("x", {-1, 3, 8, 8});
  x = net.conv(x, 4, {.kernel = {3}, .name = "a"});
  net.output(net.relu(x, "y"));
  const Graph graph = net.build();
  const auto failure = [&](const std::vector<StageSpec>& stages) {
    try {
      staged_partition(graph, stages);
      return std::string("none");
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(failure({{.until = "a"}}), HasSubstr("must end at the output y"));
  EXPECT_THAT(failure({{.until = "b"}, {.until = "y"}}), HasSubstr("there is no tensor b"));
  EXPECT_THAT(failure({{.until = "y"}, {.until = "y"}}), HasSubstr("no layer between"));
  EXPECT_THAT(failure({{.until = "y", .kind = ShardKind::kChannel, .shares = equal_shares(9)}}),
              HasSubstr("y has 4 channels: it cannot be divided in 9"));
}

TEST(ShardKind, IsReadByName) {
  for (const auto kind :
       {ShardKind::kWhole, ShardKind::kChannel, ShardKind::kSpatial, ShardKind::kInput})
    EXPECT_EQ(shard_kind_from_string(to_string(kind)), kind);
  EXPECT_THROW(shard_kind_from_string("diagonal"), Error);
}

}  // namespace
}  // namespace isthmus
