#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "serve/deployment.h"

namespace isthmus {

class AgentMachine;

// How long the runs of each part took; filled by the machine's workers, read by the endpoint.
// Thread-safe.
class RunTimes {
 public:
  RunTimes();
  ~RunTimes();
  void add(const HeldPart& part, Seconds run);

 private:
  friend class MetricsEndpoint;
  struct Table;
  std::unique_ptr<Table> table_;
};

// Serves http://HOST:PORT/metrics in Prometheus' text format: frames, runs, answers, late, dropped
// and refused frames, queue depth, bytes in and out by peer, and run seconds by part
// (docs/protocol.md lists them).
class MetricsEndpoint {
 public:
  // `machine` and `times` must outlive it. Throws Error{kIo} for a port in use and
  // Error{kUnsupported} if this program was built without prometheus-cpp.
  MetricsEndpoint(const std::string& listen, const AgentMachine& machine, const RunTimes& times);
  ~MetricsEndpoint();

  // With the port that was taken.
  const std::string& address() const { return address_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string address_;
};

}  // namespace isthmus
