#include "serve/staging.h"

#include <utility>

#include "core/error.h"
#include "serve/agent_client.h"
#include "serve/generation.h"

namespace isthmus {

Staging::Staging(const Cluster& cluster, StagingOptions options)
    : cluster_(cluster), options_(std::move(options)) {}

Staging::~Staging() = default;

AgentClient& Staging::client_of(const std::string& machine) {
  auto& client = clients_[machine];
  if (!client) {
    client = std::make_unique<AgentClient>(machine, cluster_.machine(machine).address,
                                           options_.security);
    client->greet(options_.connect_timeout);
  }
  return *client;
}

void Staging::send(const LoadedPlan& plan,
                   const std::function<void(const std::string& machine, std::int64_t done,
                                            std::int64_t total)>& progress) {
  HeldParts own;
  const auto generation =
      make_generation({.ladder = {plan}, .cluster = cluster_, .local_fallback = false}, own);
  for (const auto& [machine, target] : generation->machines) {
    if (failures_.contains(machine)) continue;
    try {
      const auto bytes = client_of(machine).send_blobs(
          target.blobs, [&, name = machine](std::int64_t done, std::int64_t total) {
            if (progress) progress(name, done, total);
          });
      sent_[machine] += bytes;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) throw;
      failures_[machine] = error.what();
    }
  }
}

}  // namespace isthmus
