#include "split/shard_walks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "core/error.h"
#include "graph/cuts.h"

namespace isthmus {
namespace {

// What is asked of each tensor of the walk, which may be less than what is made.
std::map<std::string, Box> asked_of(const BoxWalk& walk) {
  std::map<std::string, Box> asked = {{walk.tensor, walk.wanted}};
  for (const BoxedNode& boxed : walk.boxed)
    for (std::size_t i = 0; i < boxed.inputs.size(); ++i) {
      if (!boxed.inputs[i]) continue;
      const auto [entry, added] = asked.emplace(boxed.node.inputs[i], *boxed.inputs[i]);
      if (!added) entry->second = hull(entry->second, *boxed.inputs[i]);
    }
  return asked;
}

// Why the walks are none that can be written, or that save nothing: a shard whose nodes had to make
// more than their piece, up to all of it (a Softmax over the channels, a convolution whose groups
// are wider than the pieces).
std::optional<std::string> walk_problem(const Graph& run, const ShardWalks& walks, ShardKind kind) {
  for (const BoxWalk& walk : walks.walks)
    if (!walk.unruled.empty())
      return fmt::format("{} cannot be cut by {}", walk.unruled.front(), to_string(kind));
  if (walks.walks.size() < 2) return std::nullopt;
  for (const BoxWalk& walk : walks.walks)
    for (const auto& [tensor, asked] : asked_of(walk)) {
      const Box whole = whole_box(run, tensor);
      if (asked != whole && walk.held.at(tensor) == whole)
        return fmt::format("{} is made whole for every piece of it by {}", tensor, to_string(kind));
    }
  return std::nullopt;
}

void check_extent(const std::string& tensor, std::int64_t extent, std::string_view unit,
                  std::size_t pieces) {
  if (extent < static_cast<std::int64_t>(pieces))
    throw Error(ErrorKind::kInvalid,
                fmt::format("{} has {} {}{}: it cannot be divided in {}", tensor, extent, unit,
                            extent == 1 ? "" : "s", pieces));
}

// Whether the tensor lies as a matrix product leaves it, its features last.
bool has_features_last(const Graph& run, const std::string& tensor) {
  std::set<std::string> alike = {tensor};
  for (auto node = run.nodes.rbegin(); node != run.nodes.rend(); ++node) {
    if (!alike.contains(node->outputs[0])) continue;
    if (node->op == "MatMul" && summed_channels(run, *node)) return true;
    if (keeps_axes(*node)) alike.insert(node->inputs.begin(), node->inputs.end());
  }
  return false;
}

ShardWalks walk_channels_of(const Graph& run, const std::string& tensor, const StageSpec& stage) {
  const Box whole = whole_box(run, tensor);
  if (whole.empty()) throw Error(ErrorKind::kUnsupported, tensor + " has no channels to be cut");
  const std::size_t axis = axes_of(run, tensor).channel;
  const std::int64_t extent = whole[axis].end;
  check_extent(tensor, extent, axis + 1 == whole.size() ? "feature" : "channel",
               stage.shares.size());
  // Whole groups, or pieces of one; behind a layer that mixes all channels they mean nothing.
  std::int64_t group = 1;
  for (const Node& node : run.nodes) {
    const auto summed = summed_channels(run, node);
    if (!summed) continue;
    const std::int64_t outputs = run.value_of(node.outputs[0]).shape[1];
    if (summed->groups == 1)
      group = 1;
    else if (summed->groups < outputs)
      group = std::lcm(group, outputs / summed->groups);
  }
  // A Flatten has a channel's worth of features for each channel.
  std::int64_t step = 1;
  for (const Node& node : run.nodes)
    if (node.op == "Flatten" || node.op == "Reshape") {
      const Box input = whole_box(run, node.inputs[0]);
      if (input.size() > 1 && whole.size() == 1 && whole[0].end % input[0].end == 0 &&
          node.outputs[0] == tensor)
        step *= whole[0].end / input[0].end;
    }
  ShardWalks walks;
  const bool has_groups = axis == 0 && group > 1 && extent % (group * step) == 0;
  for (const IndexRange& piece : has_groups
                                     ? divide_blocks(extent, extent / (group * step), stage.shares)
                                     : divide(extent, stage.shares, step)) {
    Box wanted = whole;
    wanted[axis] = piece;
    walks.walks.push_back(walk_box(run, tensor, wanted));
  }
  return walks;
}

// Tensors at which a channel split may end, the output first: behind them comes no work.
std::vector<std::string> channel_ends(const Graph& run) {
  std::vector<std::string> ends = {output_of(run)};
  const std::vector<CutPoint> cuts = cut_points(run);
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
    if (cut->accumulated_macs < cut->total_macs) break;
    ends.push_back(cut->tensor);
  }
  return ends;
}

// What mixes all channels at the end, a Softmax or a response normalisation, follows the merge.
ShardWalks walk_channels(const Graph& run, const StageSpec& stage) {
  std::optional<std::string> problem;
  for (const std::string& end : channel_ends(run)) {
    ShardWalks walks = walk_channels_of(run, end, stage);
    auto failed = walk_problem(run, walks, ShardKind::kChannel);
    if (!failed) return walks;
    if (!problem) problem = std::move(failed);
  }
  throw Error(ErrorKind::kUnsupported, *problem);
}

// How many regions each of `rows` rows has.
std::vector<std::size_t> row_sizes(std::size_t shards, std::size_t rows) {
  std::vector<std::size_t> sizes(rows, shards / rows);
  for (std::size_t i = 0; i < shards % rows; ++i) ++sizes[i];
  return sizes;
}

ShardWalks walk_regions(const Graph& run, const StageSpec& stage) {
  const Box whole = whole_box(run, output_of(run));
  if (whole.size() < 2)
    throw Error(ErrorKind::kUnsupported, output_of(run) + " has no rows to be cut");
  const OutputAxes axes = axes_of(run, output_of(run));
  const std::size_t row_axis = axes.row;
  const std::size_t column_axis = axes.column;
  const std::size_t shards = stage.shares.size();
  std::size_t rows = shards;
  if (stage.rows > 0)
    rows = static_cast<std::size_t>(stage.rows);
  else if (shards > 3 && row_axis != column_axis)
    rows = static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(shards))));
  if (stage.rows == 0 && row_axis != column_axis)
    rows = std::min(rows, static_cast<std::size_t>(whole[row_axis].end));
  if (rows > shards || (rows < shards && row_axis == column_axis))
    throw Error(ErrorKind::kInvalid, fmt::format("{} shards do not make {} rows", shards, rows));
  ShardWalks walks{.walks = {}, .row_sizes = row_sizes(shards, rows)};
  std::vector<double> row_shares;
  auto next = stage.shares.begin();
  for (const std::size_t size : walks.row_sizes) {
    row_shares.push_back(std::accumulate(next, next + static_cast<std::ptrdiff_t>(size), 0.0));
    next += static_cast<std::ptrdiff_t>(size);
  }
  check_extent(output_of(run), whole[row_axis].end, "row", rows);
  const auto row_pieces = divide(whole[row_axis].end, row_shares);
  next = stage.shares.begin();
  for (std::size_t row = 0; row < rows; ++row) {
    const auto end = next + static_cast<std::ptrdiff_t>(walks.row_sizes[row]);
    check_extent(output_of(run), whole[column_axis].end, "column", walks.row_sizes[row]);
    for (const IndexRange& column :
         walks.row_sizes[row] == 1
             ? std::vector<IndexRange>{whole[column_axis]}
             : divide(whole[column_axis].end, std::vector<double>(next, end))) {
      Box wanted = whole;
      wanted[column_axis] = column;
      wanted[row_axis] = row_pieces[row];
      walks.walks.push_back(walk_box(run, output_of(run), wanted));
    }
    next = end;
  }
  return walks;
}

// The last node of the run that is a sum over channels, and that nothing goes around. One with
// groups is the last choice: of whole groups the pieces are those of a channel split.
const Node& summing_node(const Graph& run) {
  std::set<std::string> separating = {output_of(run)};
  for (CutPoint& cut : cut_points(run)) separating.insert(std::move(cut.tensor));
  const Node* with_groups = nullptr;
  const Node* passed_by = nullptr;
  for (auto node = run.nodes.rbegin(); node != run.nodes.rend(); ++node) {
    const auto summed = summed_channels(run, *node);
    if (!summed) continue;
    const bool separates = separating.contains(node->outputs[0]);
    if (separates && summed->groups == 1) return *node;
    const Node*& last = separates ? with_groups : passed_by;
    if (last == nullptr) last = &*node;
  }
  if (with_groups != nullptr) return *with_groups;
  throw Error(ErrorKind::kUnsupported,
              fmt::format("no layer before {} sums over channels that can be cut{}", output_of(run),
                          passed_by == nullptr ? " (a convolution, a dense layer)"
                                               : ": a shortcut goes around " + passed_by->name));
}

ShardWalks walk_sums(const Graph& run, const StageSpec& stage) {
  const Node& node = summing_node(run);
  const auto [extent, groups] = *summed_channels(run, node);
  check_extent(node.inputs[0], extent, node.op == "Conv" ? "channel" : "feature",
               stage.shares.size());
  // Behind a Flatten a channel has several features, and stays in one piece.
  std::int64_t step = 1;
  const std::ptrdiff_t before = run.producer_of(node.inputs[0]);
  if (before >= 0) {
    const Node& flatten = run.nodes[static_cast<std::size_t>(before)];
    if (flatten.op == "Flatten" || flatten.op == "Reshape") {
      const Box input = whole_box(run, flatten.inputs[0]);
      if (input.size() > 1 && extent % input[0].end == 0) step = extent / input[0].end;
    }
  }
  ShardWalks walks;
  for (const IndexRange& piece : groups > 1 ? divide_blocks(extent, groups, stage.shares)
                                            : divide(extent, stage.shares, step))
    walks.walks.push_back(walk_partial_sum(run, node, piece));
  return walks;
}

}  // namespace

OutputAxes axes_of(const Graph& run, const std::string& tensor) {
  const std::size_t axes = whole_box(run, tensor).size();
  if (axes < 2) return {};
  const bool features_last = has_features_last(run, tensor);
  // Rows and columns are the last two axes beside the channels; a clip is not cut in time.
  const std::size_t column = features_last ? axes - 2 : axes - 1;
  return {.channel = features_last ? axes - 1 : 0,
          .row = axes < 3 ? column : column - 1,
          .column = column};
}

ShardWalks walk_shards(const Graph& run, const StageSpec& stage) {
  if (stage.shares.size() < 2)
    throw Error(ErrorKind::kInvalid, "a stage in shards needs two of them: " + stage.until);
  ShardWalks walks;
  switch (stage.kind) {
    case ShardKind::kWhole: assert(false); break;
    case ShardKind::kChannel: walks = walk_channels(run, stage); break;
    case ShardKind::kSpatial: walks = walk_regions(run, stage); break;
    case ShardKind::kInput: walks = walk_sums(run, stage); break;
  }
  if (const auto problem = walk_problem(run, walks, stage.kind))
    throw Error(ErrorKind::kUnsupported, *problem);
  return walks;
}

}  // namespace isthmus
