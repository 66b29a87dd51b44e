#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/predict.h"
#include "plan/profile.h"

namespace isthmus {

enum class Objective : std::uint8_t { kLatency, kEnergy, kBytes };

// One way to run a network, as a plan, with what it is predicted to cost; or the reason why it
// cannot be.
struct Candidate {
  LoadedPlan plan;
  Prediction prediction;
  bool feasible = true;
  // Why it lost, or cannot be: "17.2 ms slower than jpeg:75: 12.0 ms more network".
  std::string why;
};

struct Decision {
  // Index of the winner.
  std::size_t best = 0;
  // In order of preference, the best first; infeasible ones last.
  std::vector<Candidate> candidates;
};

// Compares plans on a cluster by prediction and says of each why it lost. Pure. Throws
// Error{kUnsupported} if none is feasible, with the reason of each.
Decision choose(std::vector<LoadedPlan> plans, const Cluster& cluster, const Profile& profile,
                Objective objective);

}  // namespace isthmus
