#include "plan/energy.h"

#include <algorithm>

namespace isthmus {

double energy_mj(const PowerModel& power, const MachineTime& time) {
  const Seconds idle = std::max(Seconds{0}, time.total - time.compute - time.transmit);
  return 1e3 * (power.compute * time.compute.count() + power.transmit * time.transmit.count() +
                power.idle * idle.count());
}

MachineTime machine_time(const FrameRecord& frame, const std::string& machine) {
  MachineTime time{.total = frame.capture_to_output};
  for (const Span& span : frame.spans) {
    if (span.machine != machine || span.kind == SpanKind::kQueue) continue;
    (span.kind == SpanKind::kSend ? time.transmit : time.compute) += span.duration;
  }
  return time;
}

}  // namespace isthmus
