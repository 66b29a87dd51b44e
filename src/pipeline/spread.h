#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "pipeline/measured.h"
#include "pipeline/pipeline.h"
#include "pipeline/units.h"
#include "plan/plan.h"

namespace isthmus {

// How a pipeline becomes a plan.
struct SpreadOptions {
  PlanInput input;
  std::vector<std::string> labels;
  // Of the image to the first stage, of the tensors between machines, and of the scores.
  std::string image_codec = "raw";
  std::string codec = "f32";
  std::string answer_codec = "top:5";
  Seconds deadline{60};
  // Where the camera is.
  std::string source;
};

// The network in the pipeline's stages, placed on its machines. What divides a tensor for shards
// runs where the tensor is, what merges them on the next stage's first machine, or at the source
// (PipelineStage). The replicas of a stage are a `spread` part: parts spread over the same machines
// meet on one of them for each frame (plan/policy.h).
LoadedPlan spread_plan(const Graph& graph, const PipelineProblem& problem,
                       const PipelinePlan& pipeline, const std::string& network,
                       const SpreadOptions& options);

// Name of such a plan's part that takes the time of stage `stage` on its machine `machine` (both
// from 0): the stage itself or its shard, not what divides and merges.
std::string stage_part(const PipelinePlan& pipeline, std::size_t stage, std::size_t machine);

// Which of the network's units (pipeline_units) the machines have in such a plan, by the names of
// its parts and edges. A plan that was made otherwise gives nothing.
UnitsOfMachines units_held(const Plan& plan, const std::vector<std::string>& units);

}  // namespace isthmus
