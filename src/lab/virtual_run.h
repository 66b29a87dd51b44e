#pragma once

#include "core/trace.h"
#include "lab/image_set.h"
#include "lab/trial.h"

namespace isthmus {

// Plays a contender in virtual time: `frames` images are run here one by one, and their own times
// and message sizes are what the simulator plays over the link. For links on which real frames
// would take minutes (runtime.md, "Time and emulation").
Trace run_virtually(const Contender& contender, const ImageSet& images, int frames, double rate,
                    std::uint64_t seed);

}  // namespace isthmus
