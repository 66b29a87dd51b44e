#pragma once

#include <cstddef>
#include <limits>

#include "plan/costs.h"
#include "plan/plan.h"

namespace isthmus {

inline constexpr std::size_t kNoGate = std::numeric_limits<std::size_t>::max();
// Places in the recorded traces of links where a frame can begin, evenly over their period.
inline constexpr int kTraceStarts = 16;

// One choice of everything that differs from frame to frame.
struct WalkCase {
  // Which machine of a spread part.
  std::size_t turn = 0;
  // The gate that is taken.
  std::size_t gate = kNoGate;
  // Where in the traces the frame finds its links, in [0, kTraceStarts); also the seed of losses.
  int start = 0;
};

// One frame on its way through a plan, alone (plan/predict.h). The plan must have passed
// check_plan.
Prediction walk_frame(const Plan& plan, const Cluster& cluster, const PlanCosts& costs,
                      const WalkCase& which);

}  // namespace isthmus
