#include "lab/virtual_run.h"

#include <utility>

#include "sim/simulate.h"

namespace isthmus {

Trace run_virtually(const Contender& contender, std::vector<MeasuredFrame> measured,
                    const Profile& profile, int frames, double rate, std::uint64_t seed) {
  const SimOptions options{.frames = frames,
                           .rate = rate,
                           .live = rate > 0,
                           .max_in_flight = 1,
                           .max_waiting = 0,
                           .deadline = Seconds{3600},
                           .measured = std::move(measured),
                           .seed = seed};
  return simulate(options, std::vector<LoadedPlan>{contender.plan}, contender.cluster, profile);
}

}  // namespace isthmus
