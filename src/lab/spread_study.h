#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/progress.h"
#include "lab/study.h"
#include "plan/spread.h"
#include "plan/units.h"
#include "sim/simulate.h"

namespace isthmus {

// Runs every unit of a network here, on one thread, and the codec on the tensor behind it: the
// least CPU time of `runs` runs. What `known` holds is not measured again; what is new is added to
// it.
std::vector<MeasuredUnit> measure_units(const Graph& graph, const std::vector<std::string>& units,
                                        const std::string& codec, Profile& known, int runs,
                                        const Progress& progress = {});

// Parts and codecs of a spread plan, for prediction and simulation, likewise.
void measure_spread(const LoadedPlan& plan, const std::string& source, Profile& known, int runs,
                    const Progress& progress = {});

// What a plan does when frames come as fast as it takes them, and for one frame alone.
struct SpreadOutcome {
  // Frames a second.
  double throughput = 0;
  Seconds latency_p50{0};
  Seconds latency_p95{0};
  // Of a frame that meets nobody.
  Seconds alone{0};
};
SpreadOutcome play_spread(const LoadedPlan& plan, const Cluster& cluster, const Profile& profile,
                          std::int64_t frames = 200);

}  // namespace isthmus
