// merge(shards) = layers, for every way to cut random layers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <numeric>

#include "core/error.h"
#include "core/file.h"
#include "core/rng.h"
#include "engine/random_network.h"
#include "engine/verify.h"
#include "graph/builder.h"
#include "graph/cost.h"
#include "graph/cuts.h"
#include "split/shard.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

void expect_lossless(const Graph& graph, const std::vector<StageSpec>& stages) {
  const Partition partition = staged_partition(graph, stages);
  const auto result = verify_partition(graph, partition, random_inputs(graph, 1, /*seed=*/7));
  EXPECT_TRUE(result.equal) << result.first_difference << ": " << result.max_relative_difference;
  EXPECT_EQ(result.images, 1);
}

std::vector<double> random_shares(Rng& rng, std::size_t count) {
  std::vector<double> shares;
  for (std::size_t i = 0; i < count; ++i) shares.push_back(0.3 + rng.uniform());
  return shares;
}

std::string describe(const StageSpec& stage) {
  return std::string(to_string(stage.kind)) + " " + testing::PrintToString(stage.shares) +
         " rows " + std::to_string(stage.rows);
}

// A convolution of any kernel, stride, dilation, groups and padding, in 1, 2 or 3 dimensions, with
// an activation behind it.
Graph random_convolution(Rng& rng, std::size_t axes) {
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(rng.below(n)); };
  const std::int64_t groups = rng.below(3) == 0 ? 1 + below(3) : 1;
  const std::int64_t inputs = groups * (2 + below(3));
  const std::int64_t outputs = groups * (2 + below(4));
  WindowOptions window{.groups = groups, .bias = rng.below(2) == 0};
  window.kernel.clear();
  window.stride.clear();
  window.dilation.clear();
  window.pad.assign(2 * axes, 0);
  Shape shape = {-1, inputs};
  for (std::size_t i = 0; i < axes; ++i) {
    window.kernel.push_back(1 + below(4));
    window.stride.push_back(1 + below(3));
    window.dilation.push_back(1 + below(2));
    const std::int64_t reach = window.dilation[i] * (window.kernel[i] - 1);
    window.pad[i] = std::min<std::int64_t>(below(4), reach);
    window.pad[i + axes] = std::min<std::int64_t>(below(4), reach);
    shape.push_back((axes == 3 ? 9 : 14) + below(6));
  }
  GraphBuilder net("convolution", {.seed = rng.below(1000)});
  net.output(net.relu(net.conv(net.input("x", shape), outputs, window), "y"));
  return net.build();
}

TEST(ShardLaw, HoldsForRandomConvolutions) {
  std::map<ShardKind, int> tried;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Rng rng(seed);
    const Graph graph = random_convolution(rng, 1 + seed % 3);
    for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kSpatial, ShardKind::kInput}) {
      StageSpec stage{.until = "y", .kind = kind, .shares = random_shares(rng, 2 + rng.below(3))};
      if (kind == ShardKind::kSpatial && seed % 3 != 0 && rng.below(2) == 0) stage.rows = 2;
      SCOPED_TRACE(std::to_string(seed) + ": " + describe(stage));
      // Fewer channels or rows than pieces.
      if (shard_problem(graph, "", stage)) continue;
      expect_lossless(graph, {stage});
      ++tried[kind];
    }
  }
  EXPECT_GT(tried[ShardKind::kChannel], 90);
  EXPECT_GT(tried[ShardKind::kSpatial], 90);
  EXPECT_GT(tried[ShardKind::kInput], 90);
}

TEST(ShardLaw, HoldsForDenseLayers) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Rng rng(seed);
    GraphBuilder net("dense", {.seed = seed});
    const auto features = static_cast<std::int64_t>(5 + rng.below(60));
    const std::string x = net.input("x", {-1, static_cast<std::int64_t>(5 + rng.below(60))});
    if (seed % 2 == 0)
      net.output(net.relu(net.gemm(x, features), "y"));
    else
      net.output(net.relu(
          net.op("MatMul", {x, net.random_weight("w", {net.shape_of(x)[1], features}, 1)}), "y"));
    for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kInput}) {
      const StageSpec stage{.until = "y", .kind = kind, .shares = random_shares(rng, 2 + seed % 4)};
      SCOPED_TRACE(std::to_string(seed) + ": " + describe(stage));
      expect_lossless(net.build(), {stage});
    }
  }
}

// [N, T, F] and [N, H, W, F]: features are the last axis, and a shard that makes some of them, or
// sums over some, has its part of the weights.
TEST(ShardLaw, HoldsForDenseLayersOfHigherRank) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    const auto in = static_cast<std::int64_t>(12 + rng.below(20));
    const auto out = static_cast<std::int64_t>(12 + rng.below(20));
    GraphBuilder net("dense", {.seed = seed});
    const std::string x = net.input("x", seed % 2 == 0 ? Shape{-1, 5, in} : Shape{-1, 4, 5, in});
    const std::string product = net.op("MatMul", {x, net.random_weight("w", {in, out}, 1)});
    net.output(net.relu(net.op("Add", {product, net.random_weight("b", {out}, 1)}), "y"));
    const Graph graph = net.build();
    for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kSpatial, ShardKind::kInput}) {
      const StageSpec stage{.until = "y", .kind = kind, .shares = random_shares(rng, 2 + seed % 3)};
      SCOPED_TRACE(std::to_string(seed) + ": " + describe(stage));
      expect_lossless(graph, {stage});
      const auto costs = shard_costs(graph, "", stage);
      const double all = std::accumulate(stage.shares.begin(), stage.shares.end(), 0.0);
      // The bias of a sum follows the merge.
      const auto rows = static_cast<double>(kind == ShardKind::kInput ? in : in + 1);
      const auto features = static_cast<double>(out);
      for (std::size_t i = 0; i < costs.size(); ++i) {
        const double part = kind == ShardKind::kSpatial ? 1 : stage.shares[i] / all;
        EXPECT_NEAR(static_cast<double>(costs[i].weights), part * rows * features,
                    kind == ShardKind::kSpatial ? 0 : 2 * std::max(rows, features));
      }
    }
  }
}

TEST(ShardLaw, HoldsForTwoDenseLayersWithAShortcut) {
  GraphBuilder net("block");
  const std::string x = net.input("x", {-1, 6, 20});
  std::string y = net.op("MatMul", {x, net.random_weight("up", {20, 16}, 1)});
  y = net.relu(net.op("Add", {y, net.random_weight("bias", {16}, 1)}), "hidden");
  y = net.op("MatMul", {y, net.random_weight("down", {16, 20}, 1)});
  net.output(net.op("Add", {x, y}, {}, "y"));
  const Graph graph = net.build();
  for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kSpatial})
    expect_lossless(graph, {{.until = "y", .kind = kind, .shares = {3, 1, 1}}});
  // Without the shortcut, each shard makes with the one layer what it sums over in the other.
  GraphBuilder chain("chain");
  y = chain.relu(
      chain.op("MatMul", {chain.input("x", {-1, 6, 20}), chain.random_weight("up", {20, 16}, 1)}));
  chain.output(chain.op("MatMul", {y, chain.random_weight("down", {16, 20}, 1)}, {}, "y"));
  const StageSpec stage{.until = "y", .kind = ShardKind::kInput, .shares = {3, 1}};
  expect_lossless(chain.build(), {stage});
  const auto costs = shard_costs(chain.build(), "", stage);
  ASSERT_EQ(costs.size(), 2U);
  EXPECT_EQ(costs[0].weights, 2 * 20 * 12);
  EXPECT_EQ(costs[1].weights, 2 * 20 * 4);
}

// Fused tiles: branches, additions, concatenations and poolings inside the run.
TEST(ShardLaw, HoldsForRegionsThroughRandomNetworks) {
  int tried = 0;
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    const Graph graph = random_network(seed);
    Rng rng(seed);
    const auto cuts = cut_points(graph);
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      if (cuts[i].shape.size() != 4) continue;
      const StageSpec stage{.until = cuts[i].tensor,
                            .kind = ShardKind::kSpatial,
                            .shares = random_shares(rng, 2 + rng.below(3)),
                            .rows = static_cast<int>(rng.below(3))};
      const std::vector<StageSpec> stages = {stage, {.until = graph.outputs[0].name}};
      SCOPED_TRACE(graph.name + " " + stage.until + " " + describe(stage));
      if (graph.outputs.size() != 1 || shard_problem(graph, "", stage)) continue;
      expect_lossless(graph, stages);
      ++tried;
    }
  }
  EXPECT_GT(tried, 60);
}

// Every stage is one to three cut points long, and cut in a way of its own.
TEST(ShardLaw, HoldsForEveryStageOfARandomNetwork) {
  std::map<ShardKind, int> tried;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Graph graph = random_network(seed);
    if (graph.outputs.size() != 1) continue;
    Rng rng(seed);
    std::vector<StageSpec> stages;
    std::string from;
    for (const CutPoint& cut : cut_points(graph)) {
      if (rng.below(3) == 0) continue;
      StageSpec stage{.until = cut.tensor,
                      .kind = static_cast<ShardKind>(rng.below(4)),
                      .shares = random_shares(rng, 2 + rng.below(2))};
      if (shard_problem(graph, from, stage)) stage = {.until = cut.tensor};
      ++tried[stage.kind];
      stages.push_back(stage);
      from = cut.tensor;
    }
    stages.push_back({.until = graph.outputs[0].name});
    SCOPED_TRACE(graph.name);
    expect_lossless(graph, stages);
  }
  EXPECT_GT(tried[ShardKind::kChannel], 30);
  EXPECT_GT(tried[ShardKind::kSpatial], 20);
  EXPECT_GT(tried[ShardKind::kInput], 12);
}

// One stage in each way, in the middle of networks as they are used, with Slice and Pad in their
// shortcuts, groups, and bounds of a Clip.
TEST(ShardLaw, HoldsForTrainedNetworks) {
  const auto folder = data_folder() / "models";
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".onnx") files.push_back(entry.path());
  if (files.empty()) GTEST_SKIP() << "no models in " << folder;
  std::ranges::sort(files);
  std::map<ShardKind, int> tried;
  for (const auto& file : files) {
    const Graph graph = load_graph(file);
    const auto cuts = cut_points(graph);
    const std::size_t at = cuts.size() / 3;
    for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kSpatial, ShardKind::kInput}) {
      const std::vector<StageSpec> stages = {
          {.until = cuts[at].tensor},
          {.until = cuts[at + 3].tensor, .kind = kind, .shares = {2, 1, 1}},
          {.until = graph.outputs[0].name}};
      SCOPED_TRACE(file.filename().string() + " " + stages[0].until + " to " + stages[1].until +
                   " by " + std::string(to_string(kind)));
      if (kind != ShardKind::kSpatial && shard_problem(graph, stages[0].until, stages[1])) continue;
      expect_lossless(graph, stages);
      ++tried[kind];
    }
  }
  EXPECT_GT(tried[ShardKind::kChannel], 0);
  EXPECT_GT(tried[ShardKind::kInput], 0);
}

// A channel-split layer feeds an input-split one without a merge, through a Flatten too.
TEST(ShardLaw, HoldsForAChannelSplitThatFeedsAnInputSplit) {
  GraphBuilder net("chain");
  std::string x = net.input("x", {-1, 3, 12, 12});
  x = net.relu(net.batch_norm(net.conv(x, 10, {.kernel = {3}, .pad = {1}})), "a");
  x = net.relu(net.conv(x, 8, {.kernel = {3}, .pad = {1}, .bias = true}), "b");
  x = net.max_pool(net.relu(net.conv(x, 9, {.kernel = {3}})), {.kernel = {2}, .stride = {2}});
  x = net.relu(net.gemm(net.flatten(x), 20), "c");
  net.output(net.gemm(x, 6, "y"));
  const Graph graph = net.build();
  const std::vector<StageSpec> stages = {
      {.until = "b", .kind = ShardKind::kInput, .shares = {1, 2, 1}},
      {.until = "c", .kind = ShardKind::kInput, .shares = {1, 1}},
      {.until = "y", .kind = ShardKind::kChannel, .shares = {3, 1}}};
  expect_lossless(graph, stages);
  // Each shard of "b" has all of the input, and weights of the first layer only for its channels.
  const auto costs = shard_costs(graph, "", stages[0]);
  ASSERT_EQ(costs.size(), 3U);
  EXPECT_EQ(costs[0].input, 3 * 12 * 12);
  EXPECT_LT(costs[0].weights, costs[1].weights);
}

TEST(ShardLaw, HoldsForPoolingsOfEveryKind) {
  int tried = 0;
  for (const char* op : {"MaxPool", "AveragePool"})
    for (const bool ceil_mode : {false, true})
      for (const bool include : {false, true})
        for (std::int64_t extent = 9; extent < 13; ++extent) {
          GraphBuilder net("pool");
          const WindowOptions window{.kernel = {3},
                                     .stride = {2},
                                     .pad = {1, 0, 0, 1},
                                     .ceil_mode = ceil_mode,
                                     .count_include_pad = include};
          const std::string x = net.input("x", {-1, 4, extent, extent});
          const std::string y =
              std::string(op) == "MaxPool" ? net.max_pool(x, window) : net.average_pool(x, window);
          net.output(net.relu(y, "y"));
          const StageSpec stage{.until = "y", .kind = ShardKind::kSpatial, .shares = {1, 1}};
          SCOPED_TRACE(testing::Message() << op << ceil_mode << include << extent);
          // Windows that reach behind the padding are averaged over what is there.
          if (shard_problem(net.build(), "", stage)) continue;
          expect_lossless(net.build(), {stage});
          ++tried;
        }
  EXPECT_GE(tried, 24);
}

struct Layer {
  const char* name;
  std::function<std::string(GraphBuilder&, const std::string&)> add;
};

template <typename T>
std::string constant(GraphBuilder& net, const std::string& name, const std::vector<T>& values) {
  return net.weight(name, Tensor::of<T>({static_cast<std::int64_t>(values.size())}, values));
}

std::string padded(GraphBuilder& net, const std::string& x, const std::vector<std::int64_t>& pads) {
  return net.op("Pad", {x, constant(net, "pads", pads)});
}

// Operators between a convolution and an activation, on 8 x 10 x 10.
std::vector<Layer> layers_that_move_and_scale() {
  using I32 = std::vector<std::int32_t>;
  return {
      {"Slice",
       [](GraphBuilder& net, const std::string& x) {
         return net.op("Slice",
                       {x, constant(net, "starts", I32{0, 1}), constant(net, "ends", I32{1000, 9}),
                        constant(net, "axes", I32{2, -1}), constant(net, "steps", I32{2, 1})});
       }},
      {"Slice of channels",
       [](GraphBuilder& net, const std::string& x) {
         return net.op("Slice", {x, constant(net, "starts", I32{2}), constant(net, "ends", I32{8}),
                                 constant(net, "axes", I32{1})});
       }},
      {"Pad of channels",
       [](GraphBuilder& net, const std::string& x) {
         return padded(net, x, {0, 4, 0, 0, 0, 4, 0, 0});
       }},
      {"Pad", [](GraphBuilder& net,
                 const std::string& x) { return padded(net, x, {0, 0, 7, 1, 0, 0, 2, 1}); }},
      {"LRN", [](GraphBuilder& net,
                 const std::string& x) { return net.op("LRN", {x}, {{"size", std::int64_t{3}}}); }},
      {"ReduceMean",
       [](GraphBuilder& net, const std::string& x) {
         return net.op("ReduceMean", {x}, {{"axes", Shape{2, 3}}});
       }},
      {"Reshape",
       [](GraphBuilder& net, const std::string& x) {
         return net.op("Reshape", {x, constant<std::int64_t>(net, "shape", {0, 800})});
       }},
      {"PRelu",
       [](GraphBuilder& net, const std::string& x) {
         return net.op("PRelu", {x, net.random_weight("slope", {8, 1, 1}, 1)});
       }},
      {"Mul by channel",
       [](GraphBuilder& net, const std::string& x) {
         return net.op("Mul", {x, net.random_weight("scale", {1, 8, 1, 1}, 1)});
       }},
      {"Add of a whole", [](GraphBuilder& net, const std::string& x) {
         return net.op("Add", {x, net.random_weight("term", {8, 10, 10}, 1)});
       }}};
}

TEST(ShardLaw, HoldsForLayersThatMoveAndScaleElements) {
  for (const Layer& layer : layers_that_move_and_scale()) {
    GraphBuilder net("layer");
    const std::string x = net.input("x", {-1, 3, 10, 10});
    const std::string features = net.conv(x, 8, {.kernel = {3}, .pad = {1}});
    net.output(net.relu(layer.add(net, features), "y"));
    const Graph graph = net.build();
    int tried = 0;
    for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kSpatial})
      for (const std::vector<double>& shares :
           {std::vector<double>{1, 1}, std::vector<double>{6, 1}, std::vector<double>{1, 3, 2}}) {
        const StageSpec stage{.until = "y", .kind = kind, .shares = shares};
        SCOPED_TRACE(std::string(layer.name) + ": " + describe(stage));
        if (shard_problem(graph, "", stage)) continue;
        expect_lossless(graph, {stage});
        ++tried;
      }
    EXPECT_GE(tried, 3) << layer.name;
  }
}

// Pieces that lie in the padding alone.
TEST(ShardLaw, HoldsForShortcutsThatArePaddedWithZeros) {
  const Graph graph = build_network("resnet20");
  for (const std::vector<double>& shares : {std::vector<double>{4, 1}, std::vector<double>{1, 9}}) {
    SCOPED_TRACE(testing::PrintToString(shares));
    const std::vector<StageSpec> stages = {
        {.until = "stage1.2"},
        {.until = "stage2.0", .kind = ShardKind::kChannel, .shares = shares},
        {.until = graph.outputs[0].name}};
    EXPECT_EQ(shard_problem(graph, "stage1.2", stages[1]).value_or("none"), "none");
    expect_lossless(graph, stages);
  }
}

// Gemm(x, W, what another layer made).
TEST(ShardLaw, RefusesABiasThatIsComputed) {
  GraphBuilder net("residual");
  const std::string x = net.input("x", {-1, 12});
  const std::string weight = net.random_weight("w", {12, 12}, 1);
  net.output(net.op("Gemm", {net.relu(x), weight, x}, {}, "y"));
  for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kInput})
    EXPECT_NE(shard_problem(net.build(), "", {.until = "y", .kind = kind, .shares = {1, 1}}),
              std::nullopt);
}

// Whole groups, or pieces of one: no shard does the work of another.
TEST(ShardLaw, HoldsForMoreAndForFewerGroupsThanPieces) {
  for (const std::int64_t groups : {2, 3, 4, 6, 12}) {
    GraphBuilder net("groups");
    const std::string x = net.input("x", {-1, 12, 6, 6});
    net.output(net.relu(net.conv(x, 24, {.kernel = {3}, .groups = groups, .name = "conv"}), "y"));
    const Graph graph = net.build();
    const std::int64_t macs = cost_of(graph).macs;
    for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kInput})
      for (const auto& shares : std::vector<std::vector<double>>{
               {1, 1}, {1, 2, 1}, {3, 1, 1, 1}, {1, 1, 1, 9}, {1, 1, 1, 1, 1}}) {
        const StageSpec stage{.until = "y", .kind = kind, .shares = shares};
        SCOPED_TRACE(std::to_string(groups) + " groups, " + describe(stage));
        expect_lossless(graph, {stage});
        std::int64_t all = 0;
        for (const ShardCost& shard : shard_costs(graph, "", stage)) all += shard.macs;
        EXPECT_EQ(all, macs);
      }
  }
}

TEST(ShardLaw, HoldsForPaddingThatIsGivenAsAMode) {
  for (const char* mode : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    SCOPED_TRACE(mode);
    GraphBuilder net("same");
    const std::string x = net.input("x", {-1, 2, 11, 11});
    const std::string w = net.random_weight("w", {3, 2, 4, 4}, 1);
    net.output(
        net.op("Conv", {x, w}, {{"auto_pad", std::string(mode)}, {"strides", Shape{2, 2}}}, "y"));
    for (const ShardKind kind : {ShardKind::kChannel, ShardKind::kSpatial, ShardKind::kInput})
      expect_lossless(net.build(), {{.until = "y", .kind = kind, .shares = {1, 1}}});
  }
}

// It follows the merge.
TEST(ShardLaw, HoldsForALayerBehindThatMixesAllChannels) {
  GraphBuilder convolution("convolution");
  std::string x = convolution.input("x", {-1, 3, 12, 12});
  x = convolution.relu(convolution.conv(x, 10, {.kernel = {3}, .pad = {1}}));
  x = convolution.op("LRN", {x}, {{"size", std::int64_t{5}}});
  convolution.output(convolution.max_pool(x, {.kernel = {2}, .stride = {2}, .name = "y"}));
  GraphBuilder dense("dense");
  x = dense.input("x", {-1, 20});
  dense.output(dense.softmax(dense.gemm(x, 10), -1, "y"));
  for (const Graph& graph : {convolution.build(), dense.build()})
    for (const auto& shares : std::vector<std::vector<double>>{{1, 1}, {1, 2, 1}}) {
      const StageSpec stage{.until = "y", .kind = ShardKind::kChannel, .shares = shares};
      SCOPED_TRACE(graph.name + " " + describe(stage));
      expect_lossless(graph, {stage});
      std::int64_t all = 0;
      for (const ShardCost& shard : shard_costs(graph, "", stage)) all += shard.macs;
      EXPECT_EQ(all, cost_of(graph).macs);
    }
}

// As many rows as there are, and then columns.
TEST(ShardLaw, HoldsForRegionsOfFewRows) {
  for (const std::int64_t rows : {1, 2}) {
    GraphBuilder net("flat");
    const std::string x = net.input("x", {-1, 3, rows, 30});
    net.output(net.relu(net.conv(x, 4, {.kernel = {1, 5}, .pad = {0, 2}}), "y"));
    for (std::size_t shards = 2; shards <= 5; ++shards)
      expect_lossless(net.build(), {{.until = "y",
                                     .kind = ShardKind::kSpatial,
                                     .shares = std::vector<double>(shards, 1.0)}});
  }
}

TEST(ShardLaw, RefusesWhatCannotBeCut) {
  GraphBuilder net("tiny");
  std::string x = net.input("x", {-1, 4, 6, 6});
  x = net.conv(x, 4, {.kernel = {3}, .groups = 4, .name = "depthwise"});
  x = net.softmax(net.flatten(net.global_average_pool(x)), -1, "y");
  net.output(x);
  const Graph graph = net.build();
  GraphBuilder mixed("mixed");
  x = mixed.softmax(mixed.input("x", {-1, 4, 6, 6}), 1);
  mixed.output(mixed.conv(x, 4, {.kernel = {3}, .groups = 4, .name = "conv"}));
  EXPECT_THAT(shard_problem(mixed.build(), "",
                            {.until = "conv", .kind = ShardKind::kChannel, .shares = {1, 1}})
                  .value_or("none"),
              HasSubstr("made whole"));
  const auto problem = [&](StageSpec stage) {
    return shard_problem(graph, "", stage).value_or("none");
  };
  EXPECT_THAT(problem({.until = "y", .kind = ShardKind::kSpatial, .shares = {1, 1}}),
              HasSubstr("has no rows"));
  EXPECT_EQ(problem({.until = "depthwise", .kind = ShardKind::kInput, .shares = {1, 1}}), "none")
      << "each makes the channels that it takes";
  EXPECT_THAT(
      problem(
          {.until = "depthwise", .kind = ShardKind::kInput, .shares = std::vector<double>(5, 1.0)}),
      HasSubstr("x has 4 channels: it cannot be divided in 5"));
  EXPECT_THAT(problem({.until = "depthwise",
                       .kind = ShardKind::kSpatial,
                       .shares = std::vector<double>(5, 1.0),
                       .rows = 5}),
              HasSubstr("depthwise has 4 rows: it cannot be divided in 5"));
  EXPECT_THAT(problem({.until = "depthwise", .kind = ShardKind::kChannel, .shares = {1}}),
              HasSubstr("two of them"));
  EXPECT_EQ(problem({.until = "depthwise", .kind = ShardKind::kChannel, .shares = {1, 1}}), "none");
  GraphBuilder residual("residual");
  x = residual.input("x", {-1, 4, 6, 6});
  residual.output(
      residual.add(x, residual.conv(x, 4, {.kernel = {3}, .pad = {1}, .name = "conv2"}), "m"));
  EXPECT_THAT(shard_problem(residual.build(), "",
                            {.until = "m", .kind = ShardKind::kInput, .shares = {1, 1}})
                  .value_or("none"),
              HasSubstr("can be cut: a shortcut goes around conv2"));
}

}  // namespace
}  // namespace isthmus
