#include <set>
#include <utility>

#include "plan/policy.h"
#include "serve/machine.h"
#include "serve/wire.h"

// The machines behind this one, and those before it.

namespace isthmus {

void AgentMachine::connect_peers(const v1::DeployRequest& request, const Deployment& deployment) {
  std::set<std::string> next;
  for (const DeployedEdge& edge : deployment.edges) {
    if (edge.from == kNoIndex || edge.to == kNoIndex || !deployment.parts[edge.from].held) continue;
    for (const std::uint8_t machine : deployment.parts[edge.to].machines)
      next.insert(deployment.machines[machine]);
  }
  for (const v1::Peer& wanted : request.peers()) {
    if (!next.contains(wanted.machine()) || wanted.address().empty() ||
        wanted.machine() == request.machine())
      continue;
    const PeerKey key{deployment.id.source, wanted.machine()};
    std::shared_ptr<Peer> known;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = peers_.find(key); found != peers_.end()) known = found->second;
    }
    const LinkProfile link = link_to(key.first, key.second);
    const auto interface = interface_to(key.first, key.second);
    if (known && known->address() == wanted.address() && known->same_link(link, interface.get()) &&
        known->max_message_bytes() >= deployment.largest_message())
      continue;
    // What is still to come of older plans comes by the connection that they have.
    const bool keeps = known && known->alive() && known->address() == wanted.address();
    if (known && !keeps) known->close();
    auto peer = Peer::connect(
        {.self = request.machine(),
         .machine = wanted.machine(),
         .address = wanted.address(),
         .link = link,
         .interface = interface,
         .return_headers = link.headers,
         .security = options_.security,
         .max_message_bytes = deployment.largest_message(),
         .death_timeout = death_timeout(link, wanted.largest_message()),
         .seed = request.seed()},
        {.on_message = [this](FlowMessage message,
                              std::int64_t on_air) { node_.pass_back(std::move(message), on_air); },
         .on_lost = [this, machine = wanted.machine()](
                        const std::string& why) { node_.lost(machine, why); },
         .on_back = [](bool) {}},
        clock_);
    peer->cut(cut_);
    const std::lock_guard lock(mutex_);
    if (keeps) old_peers_.emplace_back(key, std::move(known));
    peers_[key] = std::move(peer);
  }
}

NextHops::Sent AgentMachine::send(const Deployment& deployment, std::uint8_t machine,
                                  FlowMessage message, std::shared_ptr<void> token) {
  std::shared_ptr<Peer> peer;
  const std::string& name = deployment.machines[machine];
  {
    const std::lock_guard lock(mutex_);
    const auto found = peers_.find({deployment.id.source, name});
    if (found != peers_.end()) peer = found->second;
    traffic_[name].out += message_bytes(message);
  }
  if (!peer) return {.failure = name + " is not known here", .passage = {}, .shaped = false};
  const int room = deployment.edges[message.header.edge].room;
  return peer->send(std::move(message), room, std::move(token));
}

LinkProfile AgentMachine::link_to(std::uint16_t source, const std::string& machine) const {
  const std::lock_guard lock(mutex_);
  const auto known = sources_.find(source);
  if (known == sources_.end()) return {};
  const auto link = known->second.links.find(machine);
  return link == known->second.links.end() ? LinkProfile{} : link->second;
}

std::shared_ptr<EmulatedInterface> AgentMachine::interface_to(std::uint16_t source,
                                                              const std::string& machine) const {
  const std::lock_guard lock(mutex_);
  const auto known = sources_.find(source);
  if (known == sources_.end()) return nullptr;
  const auto interface = known->second.interfaces.find(machine);
  return interface == known->second.interfaces.end() ? nullptr : interface->second;
}

FlowHandlers AgentMachine::accept(std::shared_ptr<FlowStream> stream, const std::string& machine) {
  const auto link_of = [this, machine](std::uint16_t source) {
    if (const auto interface = interface_to(source, machine)) return outgoing_link(interface);
    return std::make_shared<EmulatedLink>(link_to(source, machine), clock_, source);
  };
  auto way_back = std::make_shared<StreamReturn>(std::move(stream), options_.queue, link_of, cut_);
  // One source's frames mostly: what belongs to it is looked up only when it changes.
  struct Sender {
    int source = -1;
    std::shared_ptr<EmulatedInterface> interface;
  };
  auto sender = std::make_shared<Sender>();
  return {.on_message =
              [this, way_back, machine, sender](FlowMessage message) {
                if (cut_) return;
                const std::uint16_t source = message.header.key.source;
                if (std::exchange(sender->source, source) != source) {
                  sender->interface = interface_to(source, machine);
                  const std::lock_guard lock(mutex_);
                  streams_of_[source].try_emplace(way_back, machine);
                }
                const std::int64_t bytes = message_bytes(message);
                count(machine, bytes, 0);
                Parcel parcel{.message = std::move(message), .tensor = {}, .trailer = {}};
                if (!sender->interface) {
                  node_.receive(std::move(parcel), way_back);
                  return;
                }
                auto shared = std::make_shared<Parcel>(std::move(parcel));
                sender->interface->receive(bytes, [this, way_back, shared] {
                  if (!cut_) node_.receive(std::move(*shared), way_back);
                });
              },
          .on_closed =
              [this, way_back, machine](const std::string&) {
                count(machine, 0, way_back->sent_bytes());
                const std::lock_guard lock(mutex_);
                for (auto& [source, streams] : streams_of_) streams.erase(way_back);
                stream_ended_.notify_all();
              }};
}

void AgentMachine::count(const std::string& machine, std::int64_t in, std::int64_t out) {
  const std::lock_guard lock(mutex_);
  traffic_[machine].in += in;
  traffic_[machine].out += out;
}

std::map<std::string, AgentMachine::Traffic> AgentMachine::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

void AgentMachine::cut(bool cut) {
  cut_ = cut;
  const std::lock_guard lock(mutex_);
  for (auto& [key, peer] : peers_) peer->cut(cut);
  for (auto& [key, peer] : old_peers_) peer->cut(cut);
}

}  // namespace isthmus
