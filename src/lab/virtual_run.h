#pragma once

#include <vector>

#include "core/trace.h"
#include "lab/trial.h"

namespace isthmus {

// Plays a contender in virtual time: the simulator plays `frames` pictures, which cost what
// `measured` (lab/play_costs.h) says in turn, over the link. For links on which real frames would
// take minutes (runtime.md, "Time and emulation"). At a rate, a picture that is due while the one
// before has no answer yet is dropped; it is in the trace without an answer.
Trace run_virtually(const Contender& contender, std::vector<MeasuredFrame> measured,
                    const Profile& profile, int frames, double rate, std::uint64_t seed);

}  // namespace isthmus
