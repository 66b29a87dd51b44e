#include "pipeline/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "codec/frame.h"
#include "core/error.h"
#include "graph/cost.h"
#include "graph/cuts.h"
#include "graph/subgraph.h"
#include "plan/devices.h"

namespace isthmus {
namespace {

// Bytes a second of dividing and joining tensors; assumed, about what one core copies.
constexpr double kCopyBandwidth = 2e9;
constexpr std::array kKinds = {ShardKind::kChannel, ShardKind::kSpatial, ShardKind::kInput};

bool has_groups(const Graph& run) {
  return std::ranges::any_of(run.nodes, [](const Node& node) {
    return node.op == "Conv" && node.integer("group", 1) > 1;
  });
}

bool only_renames(const Graph& graph, const GraphIndex& index, const std::string& tensor) {
  const auto producer = index.producer.at(tensor);
  if (producer < 0) return true;
  const std::string& op = graph.nodes[static_cast<std::size_t>(producer)].op;
  return op == "Reshape" || op == "Flatten" || op == "Squeeze" || op == "Unsqueeze" ||
         op == "Identity" || op == "Dropout";
}

// Whether nothing is used of the tensor but one number for each channel, over all of its space.
bool is_pooled_whole(const Graph& graph, const GraphIndex& index, const std::string& tensor) {
  constexpr std::array<std::string_view, 4> kPoolings = {"GlobalAveragePool", "GlobalMaxPool",
                                                         "AveragePool", "ReduceMean"};
  const auto users = index.consumers.find(tensor);
  if (users == index.consumers.end() || users->second.size() != 1) return false;
  const Node& node = graph.nodes[users->second.front()];
  if (std::ranges::find(kPoolings, node.op) == kPoolings.end()) return false;
  const Shape input = graph.value_of(tensor).shape;
  const Shape output = graph.value_of(node.outputs[0]).shape;
  const auto is_one = [](std::int64_t extent) { return extent == 1; };
  return input.size() > 2 && output.size() >= 2 && output[1] == input[1] &&
         !std::all_of(input.begin() + 2, input.end(), is_one) &&
         std::all_of(output.begin() + 2, output.end(), is_one);
}

// A unit with its nodes' shares of its time.
struct Unit {
  std::string from;
  double seconds = 0;
  // Has multiply-adds, which a pooling has not.
  bool has_work = true;
  std::map<std::string, double> node_seconds;
};

class ProblemBuilder {
 public:
  ProblemBuilder(const Graph& graph, const std::vector<std::string>& ends,
                 std::span<const MeasuredUnit> measured, const UnitOptions& options)
      : graph_(graph), ends_(ends), measured_(measured), options_(options) {}

  PipelineProblem build() {
    for (std::size_t i = 0; i < ends_.size(); ++i) add_unit(i);
    problem_.in_bytes = options_.input_bytes + header();
    problem_.in_encode = options_.input.encode;
    problem_.in_decode = options_.input.decode;
    for (std::size_t first = 0; first < units_.size(); ++first) {
      if (is_worth_sharing(first)) add_options_of_layer(first);
      if (is_worth_sharing(first) || (first + 1 < units_.size() && is_worth_sharing(first + 1)))
        add_fused_tiles(first);
    }
    return std::move(problem_);
  }

 private:
  bool is_worth_sharing(std::size_t unit) const {
    return units_[unit].seconds >= options_.least_share * total_ || is_big(unit);
  }

  void add_options_of_layer(std::size_t unit) {
    for (const ShardKind kind : kKinds) add_option(unit, unit, kind);
    if (problem_.shards.empty() || problem_.shards.back().last != unit ||
        problem_.shards.back().first != unit)
      problem_.units[unit].kept_whole = why_whole(unit);
    if (unit > 0) add_option(unit - 1, unit, ShardKind::kInput);
    // The layer before may stand behind a pooling.
    if (unit > 1 && !units_[unit - 1].has_work) add_option(unit - 2, unit, ShardKind::kInput);
  }

  void add_fused_tiles(std::size_t first) {
    const std::size_t end =
        std::min(units_.size(), first + static_cast<std::size_t>(options_.fuse));
    for (std::size_t last = first + 1; last < end; ++last)
      add_option(first, last, ShardKind::kSpatial);
  }

  void add_unit(std::size_t i) {
    const Graph part = unit_graph(graph_, ends_, i);
    const PartProfile& profile = measured_[i].part;
    problem_.units.push_back(
        {.until = ends_[i],
         .time = profile.median,
         .weight_bytes = profile.weight_bytes,
         .peak_bytes = profile.peak_bytes,
         .out_bytes = wire_bytes(options_.codec) * elements(ends_[i]) + header(),
         .encode = measured_[i].codec.encode,
         .decode = measured_[i].codec.decode});
    Unit unit{.from = i == 0 ? std::string() : ends_[i - 1],
              .seconds = profile.median.count(),
              .has_work = cost_of(part).macs > 0};
    double sum = 0;
    for (const auto& [node, work] : node_work(part)) {
      double seconds = 0;
      for (const auto& [kind, amount] : work)
        if (const auto rate = options_.seconds_per_work.find(kind);
            rate != options_.seconds_per_work.end())
          seconds += amount * rate->second;
      unit.node_seconds[node] = seconds;
      sum += seconds;
    }
    // Evenly where the rates say nothing of its work: no time at all would make its shards free.
    const auto nodes = static_cast<double>(unit.node_seconds.size());
    for (auto& [node, seconds] : unit.node_seconds)
      seconds = unit.seconds * (sum > 0 ? seconds / sum : 1 / nodes);
    total_ += unit.seconds;
    weights_ += profile.weight_bytes;
    units_.push_back(std::move(unit));
  }

  static std::int64_t header() { return static_cast<std::int64_t>(kFrameHeaderBytes); }
  std::int64_t elements(const std::string& tensor) const {
    return value_elements(graph_.value_of(tensor));
  }
  // Holds much of the network's weights.
  bool is_big(std::size_t unit) const {
    return static_cast<double>(problem_.units[unit].weight_bytes) >
           0.1 * static_cast<double>(weights_);
  }

  // Units [first, last].
  struct Run {
    std::size_t first = 0;
    std::size_t last = 0;
    Graph graph;
    GraphCost cost;
  };
  Run run_of(std::size_t first, std::size_t last) const {
    const std::string& input = first == 0 ? graph_.inputs[0].name : ends_[first - 1];
    Graph graph = extract_subgraph(graph_, {&input, 1}, {&ends_[last], 1});
    GraphCost cost = cost_of(graph);
    return {first, last, std::move(graph), std::move(cost)};
  }

  // Of a unit that has no option of its own.
  std::string why_whole(std::size_t unit) const {
    const Graph run = run_of(unit, unit).graph;
    std::vector<std::string> reasons;
    for (const ShardKind kind : kKinds) {
      const auto problem =
          shard_problem(run, "", {.until = ends_[unit], .kind = kind, .shares = {1, 1}});
      std::string reason =
          problem.value_or(std::string(to_string(kind)) + " splitting makes it no faster");
      if (std::ranges::count(reasons, reason) == 0) reasons.push_back(std::move(reason));
    }
    return fmt::format("{}", fmt::join(reasons, "; "));
  }

  // One shard of so many, the largest of them.
  struct Sample {
    double share = 0;
    double seconds = 0;
    double weights = 0;
    double input = 0;
    double output = 0;
    // Work of the run that no shard does: it follows the merge.
    double left_over = 0;
  };

  std::optional<Sample> sample(const Run& run, ShardKind kind, int count) const {
    const StageSpec stage{.until = ends_[run.last],
                          .kind = kind,
                          .shares = std::vector<double>(static_cast<std::size_t>(count), 1.0)};
    std::vector<ShardCost> costs;
    try {
      costs = shard_costs(run.graph, run.cost, stage);
    } catch (const Error&) {
      return std::nullopt;
    }
    Sample largest{.share = 1.0 / count};
    for (std::size_t unit = run.first; unit <= run.last; ++unit)
      for (const auto& [node, time] : units_[unit].node_seconds)
        if (std::ranges::none_of(costs,
                                 [&](const ShardCost& cost) { return cost.shares.contains(node); }))
          largest.left_over += time;
    for (const ShardCost& cost : costs) {
      double seconds = 0;
      for (std::size_t unit = run.first; unit <= run.last; ++unit)
        for (const auto& [node, time] : units_[unit].node_seconds)
          if (const auto share = cost.shares.find(node); share != cost.shares.end())
            seconds += time * share->second;
      largest.seconds = std::max(largest.seconds, seconds);
      largest.weights = std::max(largest.weights, static_cast<double>(cost.weights));
      largest.input = std::max(largest.input, static_cast<double>(cost.input));
      largest.output = std::max(largest.output, static_cast<double>(cost.output));
    }
    return largest;
  }

  static Linear line(const Sample& wide, const Sample& narrow, double Sample::* field,
                     double factor) {
    const double scaled = (wide.*field - narrow.*field) / (wide.share - narrow.share);
    return {.fixed = factor * std::max(0.0, wide.*field - scaled * wide.share),
            .scaled = factor * scaled};
  }

  int most_shards(const Run& run, ShardKind kind) const {
    // Two groups of channels are cut evenly in two or in four, but not in three: so many at most
    // that fewer are even, too.
    if (kind != ShardKind::kSpatial && has_groups(run.graph)) {
      const auto halves = sample(run, kind, 2);
      int count = 2;
      while (count < std::min(options_.machines, 16)) {
        const auto next = sample(run, kind, count + 1);
        if (!next || next->seconds * (count + 1) > 1.2 * halves->seconds * 2) break;
        ++count;
      }
      return count;
    }
    for (int count = std::min(options_.machines, 16); count > 4; --count)
      if (sample(run, kind, count)) return count;
    return 4;
  }

  void add_option(std::size_t first, std::size_t last, ShardKind kind) {
    const Run run = run_of(first, last);
    const std::string& input = run.graph.inputs[0].name;
    const auto wide = sample(run, kind, 2);
    auto narrow = sample(run, kind, 4);
    int most = 4;
    if (!narrow) {
      narrow = sample(run, kind, 3);
      most = 3;
    }
    // Two pieces that are as dear as the whole are none.
    if (!wide || !narrow) return;
    double whole = 0;
    for (std::size_t unit = first; unit <= last; ++unit) whole += units_[unit].seconds;
    if (wide->seconds > 0.9 * whole) return;
    if (most == 4) most = most_shards(run, kind);
    const double bytes = wire_bytes(options_.codec);
    const bool takes_all = narrow->input >= static_cast<double>(elements(input));
    const double in_bytes =
        first == 0 && takes_all ? static_cast<double>(options_.input_bytes) / narrow->input : bytes;
    ShardOption option{
        .first = first,
        .last = last,
        .kind = std::string(to_string(kind)),
        .most = most,
        .time = line(*wide, *narrow, &Sample::seconds, 1),
        .weight_bytes = line(*wide, *narrow, &Sample::weights, 4),
        .peak_bytes = peak(first, last, *wide, *narrow),
        .in_bytes = line(*wide, *narrow, &Sample::input, in_bytes),
        .out_bytes = line(*wide, *narrow, &Sample::output, bytes),
        .scatter =
            Seconds{takes_all ? 0 : 4.0 * static_cast<double>(elements(input)) / kCopyBandwidth},
        .merge = Seconds{wide->left_over + 8.0 * wide->output / kCopyBandwidth}};
    option.in_bytes.fixed += static_cast<double>(header());
    option.out_bytes.fixed += static_cast<double>(header());
    problem_.shards.push_back(std::move(option));
  }

  // Activations: what goes in and out, and those of the largest unit by the share.
  Linear peak(std::size_t first, std::size_t last, const Sample& wide, const Sample& narrow) const {
    double largest = 0;
    for (std::size_t unit = first; unit <= last; ++unit)
      largest = std::max(largest, static_cast<double>(problem_.units[unit].peak_bytes));
    const double in = 4 * (wide.input + wide.output);
    const double in_narrow = 4 * (narrow.input + narrow.output);
    const double scaled = (in - in_narrow) / (wide.share - narrow.share);
    return {.fixed = std::max(0.0, in - scaled * wide.share), .scaled = std::max(scaled, largest)};
  }

  const Graph& graph_;
  const std::vector<std::string>& ends_;
  std::span<const MeasuredUnit> measured_;
  const UnitOptions& options_;
  std::vector<Unit> units_;
  double total_ = 0;
  std::int64_t weights_ = 0;
  PipelineProblem problem_;
};

}  // namespace

std::vector<std::string> pipeline_units(const Graph& graph) {
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1)
    throw Error(ErrorKind::kUnsupported,
                fmt::format("{} has {} inputs and {} outputs; a pipeline needs one of each",
                            graph.name, graph.inputs.size(), graph.outputs.size()));
  const GraphIndex index(graph);
  std::vector<CutPoint> cuts = cut_points(graph);
  std::erase_if(cuts, [&](const CutPoint& cut) { return only_renames(graph, index, cut.tensor); });
  std::vector<std::string> units;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const std::int64_t macs = cuts[i].accumulated_macs;
    const std::int64_t next =
        i + 1 < cuts.size() ? cuts[i + 1].accumulated_macs : cuts[i].total_macs;
    // What is pooled has regions, and what comes of it is small on the wire: both are ends.
    if (macs > 0 && (next > macs || is_pooled_whole(graph, index, cuts[i].tensor)))
      units.push_back(cuts[i].tensor);
  }
  units.push_back(graph.outputs[0].name);
  return units;
}

Graph unit_graph(const Graph& graph, const std::vector<std::string>& units, std::size_t index) {
  const std::string& from = index == 0 ? graph.inputs[0].name : units[index - 1];
  return extract_subgraph(graph, {&from, 1}, {&units[index], 1});
}

PipelineProblem pipeline_problem(const Graph& graph, const std::vector<std::string>& units,
                                 std::span<const MeasuredUnit> measured,
                                 const UnitOptions& options) {
  return ProblemBuilder(graph, units, measured, options).build();
}

std::vector<StageSpec> stage_specs(const PipelineProblem& problem, const PipelinePlan& plan) {
  std::vector<StageSpec> stages;
  for (const PipelineStage& stage : plan.stages) {
    StageSpec spec{.until = problem.units[stage.last].until};
    if (stage.mode == StageMode::kShards) {
      spec.kind = shard_kind_from_string(problem.shards[stage.option].kind);
      spec.shares = stage.shares;
    }
    stages.push_back(std::move(spec));
  }
  return stages;
}

int wire_bytes(const std::string& codec) {
  if (codec == "f32") return 4;
  if (codec == "f16") return 2;
  if (codec == "u8") return 1;
  throw Error(ErrorKind::kUnsupported,
              "codec " + codec + " cannot be used between boards: take f32, f16 or u8");
}

}  // namespace isthmus
