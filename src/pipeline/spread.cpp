#include "pipeline/spread.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"

namespace isthmus {
namespace {

using Machines = std::vector<std::string>;

class Placer {
 public:
  Placer(const PipelinePlan& pipeline, const SpreadOptions& options)
      : stages_(pipeline.stages), options_(options) {}

  // Where each part runs.
  std::map<std::string, Machines> machines() const {
    std::map<std::string, Machines> result;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const std::string name = fmt::format("stage{}", i + 1);
      const PipelineStage& stage = stages_[i];
      if (stage.mode != StageMode::kShards) {
        result[name] = stage.machines;
        continue;
      }
      for (std::size_t shard = 0; shard < stage.machines.size(); ++shard)
        result[fmt::format("{}.shard{}", name, shard + 1)] = {stage.machines[shard]};
      result[name + ".scatter"] = before(i);
      result[name + ".merge"] = before(i + 1);
    }
    return result;
  }

 private:
  // Where the tensor in front of a stage is, once it is one piece.
  Machines before(std::size_t stage) const {
    if (stage == 0) return {options_.source};
    const PipelineStage& producer = stages_[stage - 1];
    if (producer.mode != StageMode::kShards) return producer.machines;
    if (stage == stages_.size()) return {options_.source};
    const PipelineStage& taker = stages_[stage];
    return taker.mode == StageMode::kReplicas ? taker.machines : Machines{taker.machines.front()};
  }

  const std::vector<PipelineStage>& stages_;
  const SpreadOptions& options_;
};

PlanCodec codec_for(const Edge& edge, const SpreadOptions& options) {
  PlanCodec codec;
  if (edge.to_part.empty())
    codec.name = options.answer_codec;
  else if (!edge.from_part.empty())
    codec.name = options.codec;
  else if (options.input.width > 0 && !edge.to_part.ends_with(".scatter"))
    codec.name = options.image_codec;
  return codec;
}

std::size_t machines_used(const PipelinePlan& pipeline) {
  std::set<std::string> used;
  for (const PipelineStage& stage : pipeline.stages)
    used.insert(stage.machines.begin(), stage.machines.end());
  return used.size();
}

}  // namespace

LoadedPlan spread_plan(const Graph& graph, const PipelineProblem& problem,
                       const PipelinePlan& pipeline, const std::string& network,
                       const SpreadOptions& options) {
  wire_bytes(options.codec);
  const Partition partition = staged_partition(graph, stage_specs(problem, pipeline));
  const auto machines = Placer(pipeline, options).machines();
  std::map<std::string, std::string> first_machine;
  for (const Part& part : partition.parts)
    first_machine[part.name] = machines.at(part.name).front();
  std::map<std::string, PlanCodec> codecs;
  for (const Edge& edge : partition.edges) codecs[edge_name(edge)] = codec_for(edge, options);
  LoadedPlan loaded = place(partition, first_machine, codecs, options.input);
  for (PlacedPart& part : loaded.plan.parts) {
    part.machines = machines.at(part.name);
    if (part.machines.size() > 1) part.placement = Placement::kSpread;
  }
  const std::size_t used = machines_used(pipeline);
  loaded.plan.name = fmt::format("spread:{}", used);
  loaded.plan.network = network;
  loaded.plan.labels = options.labels;
  loaded.plan.deadline = options.deadline;
  return loaded;
}

std::string stage_part(const PipelinePlan& pipeline, std::size_t stage, std::size_t machine) {
  return pipeline.stages[stage].mode == StageMode::kShards
             ? fmt::format("stage{}.shard{}", stage + 1, machine + 1)
             : fmt::format("stage{}", stage + 1);
}

UnitsOfMachines units_held(const Plan& plan, const std::vector<std::string>& units) {
  UnitsOfMachines held;
  std::size_t first = 0;
  for (std::size_t stage = 1; first < units.size(); ++stage) {
    const std::string name = fmt::format("stage{}", stage);
    const auto out = std::ranges::find_if(plan.edges, [&](const PlanEdge& edge) {
      return edge.edge.from_part == name || edge.edge.from_part == name + ".merge";
    });
    if (out == plan.edges.end()) return {};
    const auto until = std::ranges::find(units, out->edge.from_tensor);
    const auto end = static_cast<std::size_t>(until - units.begin()) + 1;
    if (until == units.end() || end <= first) return {};
    for (const PlacedPart& part : plan.parts)
      if (part.name == name || part.name.starts_with(name + ".shard"))
        for (const std::string& machine : part.machines)
          for (std::size_t unit = first; unit < end; ++unit) held[machine].insert(unit);
    first = end;
  }
  return held;
}

}  // namespace isthmus
