#include "split/shard_stage.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/shapes.h"
#include "graph/subgraph.h"
#include "split/shard_walks.h"

namespace isthmus {
namespace {

std::string shard_tensor(const std::string& tensor, std::size_t shard) {
  return fmt::format("{}.shard{}", tensor, shard + 1);
}

Graph empty_like(const Graph& run) {
  Graph graph;
  graph.name = run.name;
  graph.opsets = run.opsets;
  graph.ir_version = run.ir_version;
  return graph;
}

Value piece_value(const Graph& run, const std::string& tensor, const Box& box) {
  Value value = run.value_of(tensor);
  for (std::size_t axis = 0; axis < box.size(); ++axis) value.shape[axis + 1] = box[axis].extent();
  return value;
}

Graph scatter_of(const Graph& run, const std::vector<BoxWalk>& walks) {
  Graph scatter = empty_like(run);
  const std::string& input = run.inputs.front().name;
  const Box whole = whole_box(run, input);
  scatter.inputs = run.inputs;
  for (std::size_t i = 0; i < walks.size(); ++i) {
    std::vector<std::int64_t> axes;
    std::vector<std::int64_t> starts;
    std::vector<std::int64_t> ends;
    for (std::size_t axis = 0; axis < whole.size(); ++axis) {
      if (walks[i].input[axis] == whole[axis]) continue;
      axes.push_back(static_cast<std::int64_t>(axis) + 1);
      starts.push_back(walks[i].input[axis].begin);
      ends.push_back(walks[i].input[axis].end);
    }
    const std::string piece = shard_tensor(input, i);
    if (axes.empty())
      scatter.nodes.push_back(
          {.name = piece, .op = "Identity", .domain = "", .inputs = {input}, .outputs = {piece}});
    else
      add_slice(scatter, input, piece, axes, starts, ends);
    scatter.outputs.push_back({piece, piece_value(run, input, walks[i].input)});
  }
  return scatter;
}

// Along an axis of their boxes.
void add_concat(Graph& graph, std::vector<std::string> pieces, std::size_t axis,
                const std::string& name) {
  graph.nodes.push_back({.name = name,
                         .op = "Concat",
                         .domain = "",
                         .inputs = std::move(pieces),
                         .outputs = {name},
                         .attributes = {{"axis", static_cast<std::int64_t>(axis) + 1}}});
}

// Regions to rows, rows to the whole.
void merge_regions(Graph& merge, const ShardWalks& walks, const OutputAxes& axes,
                   const std::vector<std::string>& pieces, const std::string& output) {
  std::vector<std::string> rows;
  std::size_t next = 0;
  for (std::size_t row = 0; row < walks.row_sizes.size(); ++row) {
    const auto begin = pieces.begin() + static_cast<std::ptrdiff_t>(next);
    const std::size_t size = walks.row_sizes[row];
    next += size;
    if (size == 1) {
      rows.push_back(*begin);
      continue;
    }
    rows.push_back(walks.row_sizes.size() == 1 ? output : fmt::format("{}.row{}", output, row + 1));
    add_concat(merge, {begin, begin + static_cast<std::ptrdiff_t>(size)}, axes.column, rows.back());
  }
  if (walks.row_sizes.size() > 1) add_concat(merge, rows, axes.row, output);
}

// Partial sums of the same channels are added, and what then lies side by side is put together.
void merge_sums(Graph& merge, const ShardWalks& walks, const std::vector<std::string>& pieces,
                const std::string& output) {
  std::vector<std::string> sums;
  for (std::size_t i = 0; i < pieces.size();) {
    const Box& channels = walks.walks[i].wanted;
    std::vector<std::string> parts;
    for (; i < pieces.size() && walks.walks[i].wanted == channels; ++i) parts.push_back(pieces[i]);
    sums.push_back(parts.front());
    if (parts.size() == 1) continue;
    const bool all = parts.size() == pieces.size();
    sums.back() = all ? output : fmt::format("{}.sum{}", output, sums.size());
    merge.nodes.push_back({.name = sums.back(),
                           .op = "Sum",
                           .domain = "",
                           .inputs = std::move(parts),
                           .outputs = {sums.back()}});
  }
  if (sums.size() > 1) add_concat(merge, sums, 0, output);
}

Graph merge_of(const Graph& run, const ShardWalks& walks, ShardKind kind) {
  const std::string& tensor = walks.walks.front().tensor;
  // The merge is followed by what is left of the run.
  Graph merge = tensor == output_of(run)
                    ? empty_like(run)
                    : extract_subgraph(run, {&tensor, 1}, std::vector<std::string>{output_of(run)});
  merge.outputs = run.outputs;
  merge.inputs.clear();
  merge.rest.clear();
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < walks.walks.size(); ++i) {
    pieces.push_back(shard_tensor(tensor, i));
    merge.inputs.push_back({pieces.back(), piece_value(run, tensor, walks.walks[i].wanted)});
  }
  std::vector<Node> suffix = std::move(merge.nodes);
  merge.nodes.clear();
  switch (kind) {
    case ShardKind::kChannel:
      add_concat(merge, pieces, axes_of(run, tensor).channel, tensor);
      break;
    case ShardKind::kSpatial:
      merge_regions(merge, walks, axes_of(run, tensor), pieces, tensor);
      break;
    default: merge_sums(merge, walks, pieces, tensor);
  }
  merge.nodes.insert(merge.nodes.end(), std::make_move_iterator(suffix.begin()),
                     std::make_move_iterator(suffix.end()));
  infer_shapes(merge);
  return merge;
}

}  // namespace

ShardedRun shard_run(const Graph& run, const StageSpec& stage) {
  const ShardWalks walks = walk_shards(run, stage);
  const std::string& input = run.inputs.front().name;
  const Box whole = whole_box(run, input);
  ShardedRun result;
  if (std::ranges::any_of(walks.walks, [&](const BoxWalk& walk) { return walk.input != whole; }))
    result.scatter = scatter_of(run, walks.walks);
  for (std::size_t i = 0; i < walks.walks.size(); ++i)
    result.shards.push_back(write_walk(run, walks.walks[i],
                                       result.scatter ? shard_tensor(input, i) : input,
                                       shard_tensor(walks.walks[i].tensor, i)));
  result.merge = merge_of(run, walks, stage.kind);
  return result;
}

}  // namespace isthmus
