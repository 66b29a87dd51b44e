#pragma once

#include "core/trace.h"
#include "plan/plan.h"
#include "plan/room.h"

namespace isthmus {

// The most bytes that waited on each machine at once, by the spans and message sizes of a trace
// whose machines share one clock, as the simulator's do. A message takes memory where it goes to
// from when it is sent until its part has run, and where it comes from since its part ran until it
// has arrived; so do the machines between, by which it goes back to the source. As in plan/room.h
// what stays on a machine is not counted, nor what waits at the plan's source.
WaitingBytes most_waiting(const Trace& trace, const Plan& plan);

}  // namespace isthmus
