#pragma once

#include <string>
#include <vector>

#include "pipeline/pipeline.h"

namespace isthmus {

// A plan in words, for --explain: a line for each stage (its units, machines and mode, what it
// takes for each frame and what bounds that), then the bottleneck, the speed-up against the best
// single machine beside the ideal one (the sum of the speeds), and why there is not more: the unit
// that cannot be divided, or the edge that holds up what would be faster if links cost nothing, and
// which machines are idle. Plans again for that. Throws as `evaluated` does.
std::vector<std::string> explain_pipeline(const PipelineProblem& problem, const Cluster& cluster,
                                          const PipelinePlan& plan, PipelineObjective objective);

// Of that, what keeps the plan from being better, "; " between several reasons: a layer that cannot
// be shared, the edge on which a plan for free links would wait, or stages that are not even. ""
// where nothing noticeable does.
std::string not_more(const PipelineProblem& problem, const Cluster& cluster,
                     const PipelinePlan& plan, PipelineObjective objective);

// How many times the best single machine's frames per second (or 1 / latency) the plan reaches, and
// would if all machines that may run stages shared the work evenly and nothing else took time. 0
// where no single machine holds the network.
struct SpeedUp {
  double reached = 0;
  double ideal = 0;
  std::string single;
  // What would then pass between two answers; known in any case.
  Seconds even{0};
};
SpeedUp speed_up(const PipelineProblem& problem, const Cluster& cluster, const PipelinePlan& plan,
                 PipelineObjective objective);

}  // namespace isthmus
