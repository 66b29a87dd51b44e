#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/clock.h"
#include "net/security.h"
#include "plan/cluster.h"
#include "plan/plan.h"

namespace isthmus {

class AgentClient;

struct StagingOptions {
  // To reach one machine. One that was not reached is not tried again.
  Seconds connect_timeout{2};
  Security security;
};

// Sends parts to agents before any plan is deployed there, so that a source that comes later sends
// only the plans (Source::stage does it for plans beside those that run). Agents keep what they
// were sent: with --cache over a restart, else as long as they run and have room, the oldest making
// room. Not thread-safe.
class Staging {
 public:
  // `cluster` must outlive it.
  Staging(const Cluster& cluster, StagingOptions options);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // What the plan's machines lack of it. Throws what make_generation (serve/generation.h) throws.
  void send(const LoadedPlan& plan,
            const std::function<void(const std::string& machine, std::int64_t done,
                                     std::int64_t total)>& progress = {});

  // Bytes sent so far, by machine that was reached.
  const std::map<std::string, std::int64_t>& sent() const { return sent_; }
  // Why no more was sent, by machine that was not reached or broke off.
  const std::map<std::string, std::string>& failures() const { return failures_; }

 private:
  AgentClient& client_of(const std::string& machine);

  const Cluster& cluster_;
  StagingOptions options_;
  std::map<std::string, std::unique_ptr<AgentClient>> clients_;
  std::map<std::string, std::int64_t> sent_;
  std::map<std::string, std::string> failures_;
};

}  // namespace isthmus
