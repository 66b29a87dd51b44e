#pragma once

#include <filesystem>

#include "lab/board_scenario.h"

namespace isthmus {

// A plan played for real, as play_spread plays it in virtual time.
struct BoardMeasurement {
  // Frames a second, and milliseconds of a frame, when they come as fast as they are taken.
  double throughput = 0;
  double p50_ms = 0;
  double p95_ms = 0;
  // Of a frame that meets nobody.
  double alone_ms = 0;
  // The most bytes that the board of `heaviest` has had in memory.
  double memory = 0;
};

// Runs the plan on processes of this machine, `confirm_frames` or as many as fill it twice.
// Programs' output, plan, cluster file and traces stay in `folder`. Throws what LabMachines throws,
// and Error{kUnavailable} if a frame was not answered by the plan's machines.
BoardMeasurement run_for_real(const BoardScenario& scenario, const Cluster& cluster,
                              const LoadedPlan& plan, const SpreadOutcome& expected,
                              const std::string& heaviest, const std::filesystem::path& folder);

}  // namespace isthmus
