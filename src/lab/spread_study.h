#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/progress.h"
#include "lab/study.h"
#include "pipeline/regression.h"
#include "pipeline/spread.h"
#include "pipeline/units.h"
#include "sim/simulate.h"

namespace isthmus {

// Runs every unit of a network here, on one thread, and the codec on the tensor behind it: the
// least CPU time of `runs` runs. What `known` holds is not measured again; what is new is added to
// it.
std::vector<MeasuredUnit> measure_units(const Graph& graph, const std::vector<std::string>& units,
                                        const std::string& codec, Profile& known, int runs,
                                        const Progress& progress = {});

// Parts and codecs of a spread plan, for prediction and simulation, likewise.
void measure_spread(const LoadedPlan& plan, Profile& known, int runs,
                    const Progress& progress = {});

// What a plan does when frames come as fast as it takes them, and for one frame alone.
struct SpreadOutcome {
  // Frames a second.
  double throughput = 0;
  Seconds latency_p50{0};
  Seconds latency_p95{0};
  // Of a frame that meets nobody.
  Seconds alone{0};
  // Frames on their way at once when they come as fast as they are taken.
  int in_flight = 0;
};
SpreadOutcome play_spread(const LoadedPlan& plan, const Cluster& cluster, const Profile& profile,
                          std::int64_t frames);

struct SpreadRequest {
  PipelineObjective objective = PipelineObjective::kThroughput;
  // Between machines: f32, f16 or u8.
  std::string codec = "f32";
  std::string image_codec = "raw";
  Seconds deadline{60};
  // Runs of each part; the median of their CPU times counts.
  int runs = 5;
  // How often the plan is made anew from what its parts were measured to take (paper 4, Procedure
  // 1, step 3), where that promises more.
  int rounds = 2;
  // In virtual time: so many that where a burst of answers begins and ends does not matter.
  std::int64_t frames = 2000;
};

// Measures the network's units and gives what a planner needs to know of them. `regression`, where
// not null, gets what they say of the work that was not measured.
PipelineProblem study_units(const NetworkUnderStudy& network, const Cluster& cluster,
                            const SpreadRequest& request, Profile& known,
                            const Progress& progress = {}, WorkRegression* regression = nullptr);

struct SpreadResult {
  PipelineProblem problem;
  PipelinePlan pipeline;
  LoadedPlan plan;
  // From the measured parts, in virtual time.
  SpreadOutcome outcome;
  // What the measured units say of the work that was not measured, and how well.
  WorkRegression regression;
  // Predicted over measured time of each part that was planned from a share of its layer's time.
  std::vector<double> estimates;
};

// Puts measured times in the place of what was estimated for the shards of a plan, in proportion;
// false if there were none.
bool correct_shards(PipelineProblem& problem, const SpreadResult& result, const Profile& known);

// Spreads a network over the cluster's machines: measures its units, plans, measures the parts, and
// plans again. Slowdowns must be filled. Throws what plan_pipeline throws.
SpreadResult spread_network(const NetworkUnderStudy& network, const Cluster& cluster,
                            const SpreadRequest& request, Profile& known,
                            const Progress& progress = {});

// Made, measured and played without a search: a pipeline that is given (a random assignment, a
// single machine).
SpreadResult spread_as(const NetworkUnderStudy& network, const Cluster& cluster,
                       const SpreadRequest& request, const PipelineProblem& problem,
                       const PipelinePlan& pipeline, Profile& known);

}  // namespace isthmus
