#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
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

// Which parts of such a plan belong to stage `index` and take its time: the stage itself or its
// shards, not what divides and merges.
bool is_stage_part(const std::string& part, std::size_t index);

}  // namespace isthmus
