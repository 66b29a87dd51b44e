#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/progress.h"
#include "lab/study.h"
#include "pipeline/measured.h"
#include "pipeline/regression.h"
#include "pipeline/spread.h"
#include "pipeline/units.h"
#include "plan/room.h"
#include "sim/simulate.h"

namespace isthmus {

// study_network (lab/study.h) with the input's open extents as the model's card or its default has
// them. Throws Error{kUnsupported} for an input that is no f32 tensor, as frames are.
NetworkUnderStudy study_for_boards(Graph graph, const std::string& model, const std::string& name);

// Gives every machine that has a device preset and no slowdown of its own the one for this network:
// the whole is measured as its parts are and held against what was published (plan/devices.h). All
// are emulated with weights that come from memory, as they were measured.
void fill_board_slowdowns(Cluster& cluster, const NetworkUnderStudy& network, Profile& known,
                          int runs);
// The same for a plan whose network is not at hand: its parts stand for the whole.
void fill_board_slowdowns(Cluster& cluster, const LoadedPlan& plan, Profile& known, int runs);

// What a plan does when frames come as fast as it takes them, and for one frame alone.
struct SpreadOutcome {
  // Frames a second.
  double throughput = 0;
  Seconds latency_p50{0};
  Seconds latency_p95{0};
  // Of a frame that meets nobody.
  Seconds alone{0};
  // Frames that are let on their way at once when they come as fast as they are taken, and those
  // that are: fewer where boards have no room for so many.
  int in_flight = 0;
  int on_their_way = 0;
  // What waited on boards then, where it is said how much memory any has.
  WaitingBytes waiting;
};
std::set<std::string> machines_of(const Plan& plan);
// Frames on their way that keep all machines of a plan busy: three for each, of which one is worked
// on, one waits and one is on the link. Where frames come to a machine several times, twice as many
// would do a little more, and need more memory.
int frames_to_fill(const Plan& plan);
// Frames of it in virtual time, as many on their way at once.
Trace play_frames(const Plan& plan, const Cluster& cluster, const Profile& profile,
                  std::int64_t frames, int in_flight, bool record_spans = false);
// The mean number of frames on their way from the admission of the frame after the first `filling`
// to that of the last; of fewer frames, from the beginning.
double frames_on_their_way(const Trace& trace, std::size_t filling);
SpreadOutcome play_spread(const Plan& plan, const Cluster& cluster, const Profile& profile,
                          std::int64_t frames);
// What the objective wants to be small: seconds between answers, or of a frame alone.
double value_of(const SpreadOutcome& outcome, PipelineObjective objective);

struct SpreadRequest {
  PipelineObjective objective = PipelineObjective::kThroughput;
  // Between machines: f32, f16 or u8.
  std::string codec = "f32";
  std::string image_codec = "raw";
  Seconds deadline{60};
  // Runs of each part at least; the least of their CPU times counts.
  int runs = 5;
  // How often the plan is made anew from what its parts were measured to take (paper 4, Procedure
  // 1, step 3).
  int rounds = 2;
  // Whether plans with shards only where memory asks for them, without replicas, and with one stage
  // for each machine are tried, too.
  bool restricted = true;
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

// What each stage takes on each of its machines, as one part.
StageTimes part_times(const SpreadResult& result, const Profile& known);

// Made, measured and played without a search: a pipeline that is given (a random assignment, a
// single machine).
SpreadResult spread_as(const NetworkUnderStudy& network, const Cluster& cluster,
                       const SpreadRequest& request, const PipelineProblem& problem,
                       const PipelinePlan& pipeline, Profile& known);

}  // namespace isthmus
