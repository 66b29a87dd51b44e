#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/clock.h"
#include "plan/cluster.h"
#include "plan/costs.h"
#include "plan/plan.h"

namespace isthmus {

// How a part fares on a machine that runs it.
struct PartStatistics {
  // Frames since the plan was deployed.
  std::int64_t runs = 0;
  // The engine's time, of the last runs (kRememberedRuns of serve/part_meter.h).
  Seconds mean{0};
  Seconds p50{0};
  Seconds p95{0};
  // The mean of all that a frame keeps the machine busy with: decoding, running, encoding, handing
  // over.
  Seconds busy{0};
  // How often so many frames waited for the machine when one for this part became ready; the last
  // counts those above, too.
  static constexpr std::size_t kWaiting = 17;
  std::array<std::int64_t, kWaiting> waiting{};
};

// What the machines report of the plan that new frames take.
struct Statistics {
  std::string plan;
  // Its parts, which tell it from others of the same name.
  std::vector<PlacedPart> parts;
  // By machine and part.
  std::map<std::string, std::map<std::string, PartStatistics>> machines;
};

// Busy time for each frame of the plan, by machine.
using MachineLoad = std::map<std::string, Seconds>;

// From what was measured: a part that is spread counts by its share of the frames, and a machine
// with several cores works on as many frames at once. Empty until each part has run `min_runs`
// times in all.
MachineLoad machine_load(const Plan& plan, const Cluster& cluster, const Statistics& statistics,
                         std::int64_t min_runs);

// How many frames waited for each machine, on the average, when one became ready there.
std::map<std::string, double> waiting_frames(const Statistics& statistics);

// Procedure 1, step 3 of paper 4: whether a planner that knows the measured times should be asked
// for another plan. It should if the busiest machine takes more than `threshold` (0.2: a fifth)
// longer than all would if the same work could be spread evenly, and if some machine's load has
// changed by more than that since the planner was asked last (`asked`; empty: never), for it would
// say the same again.
bool is_worth_replanning(const MachineLoad& now, const MachineLoad& asked, double threshold);

// The cluster with machines as fast as they were measured to be: what the engine took of all runs
// on a machine, over what `costs` say, swapping aside. Machines that ran nothing of the plan stay
// as they are, and those that took less than their swapping should. Changes are rounded to a power
// of 1 + `step`, where that is not 0: runs waver while frames flow, and machines that are alike
// should stay so for a planner.
Cluster with_measured_speeds(Cluster cluster, const Plan& plan, const PlanCosts& costs,
                             const Statistics& measured, double step);

}  // namespace isthmus
