#pragma once

#include <vector>

#include "core/trace.h"
#include "lab/image_set.h"
#include "lab/trial.h"
#include "sim/simulate.h"

namespace isthmus {

// What a plan's frames cost here: at most `most` images are run one by one. The same on every link,
// so one measurement serves all of them. A part takes the least of its times for every frame, as on
// an emulated machine (serve/least_run.h).
std::vector<MeasuredFrame> measure_for_play(const LoadedPlan& plan, const std::string& source,
                                            const ImageSet& images, int most);

// Plays a contender in virtual time: the simulator plays `frames` pictures, which cost what
// `measured` says in turn, over the link. For links on which real frames would take minutes
// (runtime.md, "Time and emulation"). At a rate, a picture that is due while the one before has no
// answer yet is dropped; it is in the trace without an answer.
Trace run_virtually(const Contender& contender, std::vector<MeasuredFrame> measured,
                    const Profile& profile, int frames, double rate, std::uint64_t seed);

}  // namespace isthmus
