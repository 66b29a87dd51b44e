#include <algorithm>
#include <utility>

#include "serve/generation.h"
#include "serve/source_state.h"

namespace isthmus {

// What is sent on later edges waits where it is for room, and holds that of its inputs.
std::vector<Source::State::Receiver> Source::State::receivers_locked(const Generation& generation,
                                                                     const Route& route) const {
  std::vector<Receiver> receivers;
  if (route.plan >= generation.plans.size()) return receivers;
  const Deployment& deployment = *generation.deployments[route.plan];
  const auto chosen = wire_route(deployment.plan, route.machine_of);
  for (const std::uint32_t edge : generation.admission_edges[route.plan]) {
    const std::uint8_t machine = deployment.machines_for(deployment.edges[edge].to, chosen).front();
    const auto remote = remotes.find(deployment.machines[machine]);
    if (remote != remotes.end() && remote->second.peer)
      receivers.push_back({.peer = remote->second.peer,
                           .key = {deployment.id, static_cast<std::uint16_t>(edge)},
                           .room = deployment.edges[edge].room});
  }
  return receivers;
}

// A machine without room still has enough to do; the plan that it runs takes no more for now.
std::optional<Route> Source::State::route_with_room_locked(std::uint32_t frame) const {
  if (static_cast<int>(in_flight.size()) >= std::max(1, options.max_in_flight)) return std::nullopt;
  Route route = admit_route(current->plans, situation_locked(), frame);
  const auto lacks_none = [](const auto& each) {
    return !each.second.peer || each.second.peer->has_credit_for_all();
  };
  const auto has_room = [](const Receiver& receiver) {
    return receiver.peer->has_credit(receiver.key, receiver.room);
  };
  if (std::ranges::all_of(remotes, lacks_none) ||
      std::ranges::all_of(receivers_locked(*current, route), has_room))
    return route;
  return std::nullopt;
}

// For the first attempt. Another takes what is left of it, and else waits for room at the peer.
void Source::State::reserve_locked(InFlight& flight) const {
  for (const auto& [peer, key, room] : receivers_locked(*flight.generation, flight.route))
    flight.reserved.emplace_back(peer, peer->reserve(key, room));
}

std::optional<Peer::Reservation> Source::State::take_reserved(const Peer& peer,
                                                              const FrameHeader& header) {
  const std::lock_guard lock(mutex);
  const auto flight = in_flight.find(header.key.frame);
  if (flight == in_flight.end()) return std::nullopt;
  auto& reserved = flight->second.reserved;
  const EdgeKey key = edge_key(header);
  const auto found = std::ranges::find_if(reserved, [&](const auto& each) {
    return each.first.lock().get() == &peer && each.second.key == key;
  });
  if (found == reserved.end()) return std::nullopt;
  const Peer::Reservation kept = found->second;
  reserved.erase(found);
  return kept;
}

void Source::State::credit_came() {
  // Who has just seen that there is none waits by now.
  {
    const std::lock_guard lock(mutex);
  }
  changed.notify_all();
  timer_changed.notify_one();
}

}  // namespace isthmus
