#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/cost.h"
#include "graph/graph.h"
#include "split/box.h"
#include "split/partition.h"

namespace isthmus {

// How a run of layers is cut for several machines (paper 4, sections 4.1 and 4.2).
enum class ShardKind : std::uint8_t {
  // Not at all.
  kWhole,
  // Each makes some output channels or features ("output" and "channel splitting"): every shard
  // takes all of the input, activations run on the shard, a Concat merges. What then mixes all
  // channels (a Softmax) follows the merge. Those of a matrix product are its last axis, of
  // whatever rank.
  kChannel,
  // Each makes a region of the output, from the input region that it depends on: fused tiles where
  // the run has several layers. A Concat merges. What a matrix product makes has its rows before
  // its features: T of [N, T, F].
  kSpatial,
  // Each sums over some input channels or features ("input" and "filter splitting"): the input is
  // divided, a Sum merges (of groups, a Concat), and activations follow. Where the run has an
  // earlier layer, each shard makes with it the channels that it sums over, so that a channel-split
  // layer feeds an input-split one without a merge.
  kInput,
};

std::string_view to_string(ShardKind kind);
// "whole", "channel", "spatial", "input". Throws Error{kInvalid} with these for anything else.
ShardKind shard_kind_from_string(std::string_view name);

// A run of layers: all that lies between the end of the stage before and `until`.
struct StageSpec {
  // A cut point, or for the last stage the network's output.
  std::string until;
  ShardKind kind = ShardKind::kWhole;
  // One for each shard, relative: a machine twice as fast takes twice as much.
  std::vector<double> shares = {};
  // Spatial: in how many rows of regions; the shards fill one row after the other, as evenly as
  // possible. 0: one region to a row for up to three of them, else about as many rows as columns,
  // which overlap least; never more than the output has.
  int rows = 0;
};

// The network as stages, one after the other, each whole or in shards: merge(shards) = stage.
//
// Part names: "stage3" for a whole stage; "stage3.shard1", ... for shards, "stage3.merge" for what
// brings them together, and "stage3.scatter", where the shards do not take all of the input, for
// what divides it. Scatter and merge are small: the one belongs on the machine that makes the
// stage's input, the other on the one that takes its output.
//
// Any stride, dilation, groups and padding; exact but for the order of the sums in kInput. Throws
// what check_separates throws, Error{kInvalid} for more shards than channels or rows, and
// Error{kUnsupported} for a stage that cannot be cut in that way, naming the operator.
Partition staged_partition(const Graph& graph, std::span<const StageSpec> stages);

// Why the layers behind `from` ("" for the input) up to `until` cannot be cut in that way in so
// many pieces; nothing if they can.
std::optional<std::string> shard_problem(const Graph& graph, const std::string& from,
                                         const StageSpec& stage);

// True counts for one frame; the paper's Tables 1 and 2 in general form (facts.md lists where the
// printed formulas are wrong).
struct ShardCost {
  // Multiply-adds.
  std::int64_t macs = 0;
  // Elements of the weights on the shard's machine.
  std::int64_t weights = 0;
  // Elements that it is sent and sends.
  std::int64_t input = 0;
  std::int64_t output = 0;
  // Of each node of the run by name: the part of its work that this shard does, 0 to 1.
  std::map<std::string, double> shares;
};
std::vector<ShardCost> shard_costs(const Graph& graph, const std::string& from,
                                   const StageSpec& stage);
// The same of a graph that is the stage, from its only input to its only output, by its cost_of:
// for who looks at many ways to cut it.
std::vector<ShardCost> shard_costs(const Graph& run, const GraphCost& cost, const StageSpec& stage);

}  // namespace isthmus
