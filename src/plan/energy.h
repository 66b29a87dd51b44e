#pragma once

#include <string>

#include "core/clock.h"
#include "core/trace.h"
#include "plan/cluster.h"

namespace isthmus {

// What a machine did for a frame between its capture and its answer. What is left of `total` it
// waited.
struct MachineTime {
  Seconds compute{0};
  // Time on air and latency of what it sent.
  Seconds transmit{0};
  Seconds total{0};
};

// Sum of time times power, in millijoules (paper 1, section IV-D: P_H + P_N, and the power of
// waiting for the answer).
double energy_mj(const PowerModel& power, const MachineTime& time);

// What the spans of a frame say that one machine did. Time that it waited for its turn (kQueue) is
// not its work.
MachineTime machine_time(const FrameRecord& frame, const std::string& machine);

}  // namespace isthmus
