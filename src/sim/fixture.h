#pragma once

// Only for the tests of this folder: small clusters whose times are known.

#include <string>
#include <vector>

#include "codec/frame.h"
#include "plan/tiny_plans.h"
#include "sim/simulate.h"

namespace isthmus {

inline double payload(std::size_t size) { return static_cast<double>(size - kFrameHeaderBytes); }

inline Trace play(const TinyPlans& tiny, const SimOptions& options) {
  return simulate(options, std::vector{tiny.plan}, tiny.cluster, tiny.profile);
}

// A weak camera (x10) and a server over 8 Mb/s and 20 ms: a megabyte takes a second.
inline TinyPlans camera_and_server() {
  TinyPlans tiny;
  tiny.machine("camera", 10);
  tiny.machine("server");
  tiny.link("camera", "server", 8e6, 0.02);
  return tiny;
}

// Stages on machines of their own behind very fast links.
inline TinyPlans pipeline(const std::vector<double>& seconds) {
  TinyPlans tiny;
  tiny.machine("camera");
  std::vector<std::string> machines;
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    machines.push_back("m" + std::to_string(i));
    tiny.machine(machines.back());
    tiny.link(i == 0 ? "camera" : machines[i - 1], machines[i], 1e12, 0);
  }
  if (machines.size() > 1) tiny.link(machines.back(), "camera", 1e12, 0);
  tiny.chain(machines, seconds, payload(1000));
  return tiny;
}

}  // namespace isthmus
