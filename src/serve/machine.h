#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "isthmus.pb.h"
#include "serve/agent.h"
#include "serve/blob_store.h"
#include "serve/flow_node.h"
#include "serve/held_parts.h"
#include "serve/peer.h"
#include "serve/stream_return.h"

namespace isthmus {

// What an agent is behind its services: blobs, parts, deployments, the node that runs them and the
// machines behind it. Thread-safe. Throws Errors, which the services turn into statuses.
class AgentMachine final : private NextHops {
 public:
  AgentMachine(const AgentOptions& options, Clock& clock,
               std::function<void(const HeldPart&, Seconds)> on_run = {});
  ~AgentMachine() override;

  // No message may be larger (runtime.md: bounded by what the plan's largest needs, which Deploy
  // checks against this).
  static constexpr std::int64_t kMaxMessageBytes = std::int64_t{256} << 20;

  v1::GreetReply greet(const v1::GreetRequest& request) const;
  void deploy(const v1::DeployRequest& request);
  void undeploy(const v1::UndeployRequest& request);
  v1::StatsReply stats() const;
  // With what is measured of the parts of `source`, if it is not 0.
  v1::HeartbeatReply heartbeat(std::uint16_t source);

  // A stream that another machine opened.
  FlowHandlers accept(std::shared_ptr<FlowStream> stream, const std::string& machine);

  BlobStore& blobs() { return blobs_; }
  HeldParts& parts() { return parts_; }
  const FlowNode& node() const { return node_; }
  bool is_cut() const { return cut_; }
  void cut(bool cut);
  // Held parts by model name, with the epoch as version, for the v2 service.
  struct Model {
    std::string name;
    std::string version;
    std::shared_ptr<HeldPart> part;
  };
  std::vector<Model> models() const;
  // One run outside of any plan, held back like the others.
  std::vector<Tensor> run(HeldPart& part, std::span<const Tensor> inputs);
  void add_model(const std::string& name, const std::string& file);
  struct Traffic {
    std::int64_t in = 0;
    std::int64_t out = 0;
  };
  // Bytes by machine that streams brought and took.
  std::map<std::string, Traffic> traffic() const;

 private:
  using PeerKey = std::pair<std::uint16_t, std::string>;
  struct Instance {
    std::uint64_t number = 0;
    // What its cluster calls the source's own machine.
    std::string machine;
    // When the last heartbeat in the source's name came.
    Seconds heard{0};
    std::map<std::string, LinkProfile> links;
    // By machine that is on a network with this one; the same for all on one.
    std::map<std::string, std::shared_ptr<EmulatedInterface>> interfaces;
    std::map<std::string, std::shared_ptr<EmulatedInterface>> networks;
  };

  Sent send(const Deployment& deployment, std::uint8_t machine, FlowMessage message,
            std::shared_ptr<void> token) override;
  LinkProfile link_to(std::uint16_t source, const std::string& machine) const;
  // Null where the machine has a link of its own.
  std::shared_ptr<EmulatedInterface> interface_to(std::uint16_t source,
                                                  const std::string& machine) const;
  void note_links_locked(Instance& instance, const v1::DeployRequest& request);
  bool is_running_locked(std::uint16_t source, const Instance& run) const;
  void take_over(const v1::DeployRequest& request);
  void retire(DeploymentId id);
  void connect_peers(const v1::DeployRequest& request, const Deployment& deployment);
  void drop_unused(std::uint16_t source);
  void count(const std::string& machine, std::int64_t in, std::int64_t out);

  AgentOptions options_;
  Clock& clock_;
  const std::uint64_t instance_;
  std::string name_;
  std::atomic<bool> cut_ = false;
  BlobStore blobs_;
  HeldParts parts_;
  mutable std::mutex mutex_;
  // One deployment at a time.
  std::mutex deploying_;
  std::map<std::uint16_t, Instance> sources_;
  std::map<PeerKey, std::shared_ptr<Peer>> peers_;
  // Too small for the newest plan, or with another link.
  std::vector<std::pair<PeerKey, std::shared_ptr<Peer>>> old_peers_;
  std::map<std::string, std::shared_ptr<HeldPart>> models_;
  std::map<std::string, Traffic> traffic_;
  // Open streams by the source whose frames they bring, with the machine that opened each.
  std::map<std::uint16_t, std::map<std::shared_ptr<StreamReturn>, std::string>> streams_of_;
  std::condition_variable stream_ended_;
  FlowNode node_;
};

}  // namespace isthmus
