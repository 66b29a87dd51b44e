#include "cli/inspect_shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "graph/cost.h"
#include "pipeline/units.h"
#include "split/printed_counts.h"
#include "split/shard.h"

namespace isthmus {
namespace {

constexpr std::array kKinds = {ShardKind::kWhole, ShardKind::kChannel, ShardKind::kSpatial,
                               ShardKind::kInput};

Json counts(double macs, double weights, double sent) {
  return {{"macs", macs}, {"weights", weights}, {"sent", sent}};
}

// Of the busiest shard, and of all messages.
Json true_counts(const Graph& run, const StageSpec& stage) {
  if (stage.kind == ShardKind::kWhole) {
    const GraphCost cost = cost_of(run);
    return counts(static_cast<double>(cost.macs), static_cast<double>(cost.params),
                  static_cast<double>(value_elements(run.inputs[0].value) +
                                      value_elements(run.outputs[0].value)));
  }
  std::int64_t macs = 0;
  std::int64_t weights = 0;
  std::int64_t sent = 0;
  for (const ShardCost& shard : shard_costs(run, "", stage)) {
    macs = std::max(macs, shard.macs);
    weights = std::max(weights, shard.weights);
    sent += shard.input + shard.output;
  }
  return counts(static_cast<double>(macs), static_cast<double>(weights), static_cast<double>(sent));
}

Json describe(const Graph& run, ShardKind kind, std::size_t machines) {
  const StageSpec stage{
      .until = run.outputs[0].name, .kind = kind, .shares = std::vector<double>(machines, 1.0)};
  Json way = {{"kind", to_string(kind)}};
  try {
    way.update(true_counts(run, stage));
  } catch (const Error& error) {
    way["problem"] = error.what();
    return way;
  }
  way["paper"] = nullptr;
  if (const auto printed = printed_counts(run, kind, machines))
    way["paper"] = counts(printed->macs, printed->weights, printed->sent);
  return way;
}

std::string with_paper(const Json& way, const char* what) {
  const std::string here = format_count(way[what].get<double>());
  const Json& paper = way["paper"];
  return paper.is_null() ? here
                         : fmt::format("{} ({})", here, format_count(paper[what].get<double>()));
}

}  // namespace

Json inspect_shards(const Graph& graph, const std::string& model, int machines) {
  Json result = {{"model", model}, {"machines", machines}, {"layers", Json::array()}};
  const auto units = pipeline_units(graph);
  for (std::size_t i = 0; i < units.size(); ++i) {
    const Graph run = unit_graph(graph, units, i);
    Json ways = Json::array();
    for (const ShardKind kind : kKinds)
      ways.push_back(describe(run, kind, static_cast<std::size_t>(machines)));
    result["layers"].push_back({{"until", units[i]}, {"ways", std::move(ways)}});
  }
  return result;
}

void print_shards(const Json& result) {
  fmt::print("{:<28} {:<8} {:>22} {:>22} {:>22}\n", "layers up to", "split", "MACs a node",
             "weights a node", "elements sent");
  for (const Json& layer : result["layers"]) {
    for (const Json& way : layer["ways"]) {
      const auto kind = way["kind"].get<std::string>();
      fmt::print("{:<28} {:<8}", kind == "whole" ? layer["until"].get<std::string>() : "", kind);
      if (way.contains("problem"))
        fmt::print(" {}\n", way["problem"].get<std::string>());
      else
        fmt::print(" {:>22} {:>22} {:>22}\n", with_paper(way, "macs"), with_paper(way, "weights"),
                   with_paper(way, "sent"));
    }
  }
  fmt::print(
      "\nof the busiest of {} machines, and sent in total for one frame; in brackets what paper 4 "
      "prints for a single layer (Tables 1 and 2)\n",
      result["machines"].get<int>());
}

}  // namespace isthmus
