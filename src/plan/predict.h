#pragma once

#include <string>

#include "plan/plan.h"
#include "plan/profile.h"

namespace isthmus {

// What one frame that meets nobody on its way should cost: every part's measured time times its
// machine's slowdown, every crossing edge's bytes over its link, codec times, and the answer's way
// back.
//
// Parts on different machines overlap as the graph allows (longest path); parts on one machine take
// turns, and so do messages on one link or through one interface of a network. What goes to the
// source travels back over the machines by which the frame first came. tau = tau_head + tau_data +
// tau_tail (paper 0, section 2; paper 1, section IV-D).
//
// Means over what differs from frame to frame: over 16 places in the recorded traces of its links
// (or 16 seeds of their losses), over the machines of a spread part, and over the exits of its
// gates (by Gate::taken). Throws Error{kInvalid} naming the part that the profile lacks, and what
// check_plan throws.
Prediction predict(const LoadedPlan& plan, const Cluster& cluster, const Profile& profile);
Prediction predict(const Plan& plan, const Cluster& cluster, const Profile& profile);

}  // namespace isthmus
