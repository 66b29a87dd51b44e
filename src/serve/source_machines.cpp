#include <algorithm>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "serve/source_state.h"

namespace isthmus {
namespace {

// Until a machine that answers, but did not take its plans, is brought them again.
constexpr Seconds kRetryPause{5};

}  // namespace

AgentClient& Source::State::client_of(const std::string& machine) {
  const std::lock_guard lock(mutex);
  auto& client = remotes[machine].client;
  if (!client)
    client =
        std::make_unique<AgentClient>(machine, cluster.machine(machine).address, options.security);
  if (rebalancing_over) client->break_off();
  return *client;
}

void Source::State::connect_peer(const std::string& machine, const Generation& generation,
                                 std::uint64_t started) {
  {
    const std::lock_guard lock(mutex);
    const auto& known = remotes[machine].peer;
    if (known && known->max_message_bytes() >= generation.largest_message) return;
  }
  // A machine that the source never sends to is watched all the same.
  const auto up = cluster.link(cluster.source, machine).value_or(LinkProfile{});
  const auto down = cluster.link(machine, cluster.source).value_or(LinkProfile{});
  LinkProfile link = up;
  if (!options.shape_links) link = {.name = up.name, .headers = up.headers, .trace = nullptr};
  auto peer = Peer::connect(
      {.self = cluster.source,
       .machine = machine,
       .address = cluster.machine(machine).address,
       .link = link,
       .interface = interface_to(machine),
       .return_headers = down.headers,
       .security = options.security,
       .max_message_bytes = generation.largest_message,
       .death_timeout = death_timeout(up, generation.largest_message),
       .instance = started,
       .seed = options.seed,
       .source = options.id},
      {.on_message = [this](FlowMessage message,
                            std::int64_t on_air) { node->pass_back(std::move(message), on_air); },
       .on_lost = [this, machine](const std::string& why) { lost(machine, why); },
       .on_back = [this, machine](bool restarted) { back(machine, restarted); },
       .on_credit = [this] { credit_came(); },
       .on_report = [this,
                     machine](const v1::HeartbeatReply& reply) { note_report(machine, reply); }},
      clock);
  // So that the first frame does not wait for it.
  if (started != 0) peer->wait_ready(Seconds{1});
  const std::lock_guard lock(mutex);
  Remote& remote = remotes[machine];
  if (remote.peer) remote.old_peers.push_back(std::move(remote.peer));
  remote.peer = std::move(peer);
}

std::shared_ptr<EmulatedInterface> Source::State::interface_to(const std::string& machine) {
  const ClusterNetwork* network = cluster.network(cluster.source, machine);
  if (network == nullptr || !options.shape_links) return nullptr;
  const std::lock_guard lock(mutex);
  auto& interface = networks[network->name];
  if (!interface)
    interface = std::make_shared<EmulatedInterface>(network->link, clock, options.seed);
  return interface;
}

NextHops::Sent Source::State::send(const Deployment& deployment, std::uint8_t machine,
                                   FlowMessage message, std::shared_ptr<void> token) {
  std::shared_ptr<Peer> peer;
  const std::string& name = deployment.machines[machine];
  {
    const std::lock_guard lock(mutex);
    if (const auto remote = remotes.find(name); remote != remotes.end()) peer = remote->second.peer;
  }
  if (!peer) return {.failure = name + " is not connected", .passage = {}, .shaped = false};
  const auto kept = take_reserved(*peer, message.header);
  const int room = deployment.edges[message.header.edge].room;
  return peer->send(std::move(message), room, std::move(token), kept);
}

// Not if it has died since: nobody would hear of that again. One that was busy with its plans, and
// silent for a moment, is waited for. Frames of the plans that run wait for those.
bool Source::State::becomes_ready(const std::string& machine, const Generation& generation) {
  constexpr Seconds kReturnLimit{3};
  constexpr Seconds kPause{0.05};
  const Seconds until = clock.now() + kReturnLimit;
  std::unique_lock lock(mutex);
  Remote& remote = remotes[machine];
  const auto is_alive = [&] { return remote.peer && remote.peer->alive(); };
  while (!is_alive() && clock.now() < until && !rebalancing_over) changed.wait_for(lock, kPause);
  const bool there = is_alive() && remote.holds.contains(generation.first_epoch);
  remote.ready = there && (!current || taken_down || holds_current_locked(machine));
  return there;
}

void Source::State::note_instance_locked(const std::string& machine, std::uint64_t instance) {
  Remote& remote = remotes[machine];
  const std::uint64_t before = std::exchange(remote.instance, instance);
  if (before == 0 || before == instance) return;
  remote.holds.clear();
  remote.ready = remote.ready && current && holds_current_locked(machine);
}

std::set<std::string> Source::State::dead_locked() const {
  std::set<std::string> dead;
  for (const auto& [machine, remote] : remotes)
    if (remote.peer && !remote.ready) dead.insert(machine);
  return dead;
}

void Source::State::lost(const std::string& machine, const std::string& why) {
  Later later;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return;
    Remote& remote = remotes[machine];
    event_locked("dead", machine, why);
    if (remote.peer && !remote.peer->alive()) remote.ready = false;
    remote.avoid_until = clock.now() + Seconds{1};
    std::vector<std::uint32_t> affected;
    for (const auto& [frame, flight] : in_flight)
      if (machines_of(flight.generation->plans, flight.route).contains(machine))
        affected.push_back(frame);
    const std::string reason = machine + " " + why;
    for (const std::uint32_t frame : affected) {
      const auto found = in_flight.find(frame);
      if (found != in_flight.end()) retry_locked(frame, found->second, reason, later);
    }
    admit_waiting_locked(later);
    changed.notify_all();
    replan_changed.notify_all();
  }
  for (const auto& action : later) action();
  node->lost(machine, why);
}

bool Source::State::holds_current_locked(const std::string& machine) const {
  const auto remote = remotes.find(machine);
  return !current->machines.contains(machine) ||
         (remote != remotes.end() && remote->second.holds.contains(current->first_epoch));
}

// By one thread at a time, whichever of a machine's connections sees it.
void Source::State::back(const std::string& machine, bool restarted) {
  {
    const std::lock_guard lock(mutex);
    if (stopping || !current || std::exchange(remotes.at(machine).bringing, true)) return;
  }
  bring_plans(machine, restarted);
  const std::lock_guard lock(mutex);
  remotes.at(machine).bringing = false;
}

void Source::State::bring_plans(const std::string& machine, bool restarted) {
  std::vector<v1::UndeployRequest> left_over;
  AgentClient& client = client_of(machine);
  {
    const std::lock_guard lock(mutex);
    Remote& remote = remotes.at(machine);
    left_over = std::exchange(remote.left_over, {});
    std::erase_if(left_over,
                  [&](const auto& request) { return current->has_epoch(request.epoch()); });
    if (restarted) remote.holds.clear();
  }
  try {
    if (!restarted) undeploy(client, left_over);
    // Plans may change meanwhile. What follows a plan that was taken down is brought to all.
    while (true) {
      std::shared_ptr<const Generation> generation;
      {
        const std::lock_guard lock(mutex);
        if (stopping) return;
        if (taken_down || holds_current_locked(machine)) {
          Remote& remote = remotes.at(machine);
          remote.ready = remote.peer && remote.peer->alive();
          if (!remote.ready) return;
          event_locked("alive", machine, restarted ? "started anew" : "answers again");
          timer_changed.notify_one();
          replan_changed.notify_all();
          return;
        }
        generation = current;
      }
      const std::uint64_t instance = client.greet(options.connect_timeout).instance();
      {
        const std::lock_guard lock(mutex);
        note_instance_locked(machine, instance);
      }
      deploy_to(machine, *generation, {});
      bool is_over = false;
      {
        const std::lock_guard lock(mutex);
        is_over = taken_down || current != generation;
        if (is_over) remotes.at(machine).holds.erase(generation->first_epoch);
      }
      // Who removed it elsewhere did not find it here.
      if (is_over) undeploy(client, undeploy_requests(generation->machines.at(machine)));
    }
  } catch (const Error& error) {
    const std::lock_guard lock(mutex);
    remotes.at(machine).retry_at = clock.now() + kRetryPause;
    event_locked("refused", machine, error.what());
  }
}

// No event of a peer is under way afterwards.
void Source::State::close_peers() {
  std::vector<std::shared_ptr<Peer>> peers;
  {
    const std::lock_guard lock(mutex);
    for (auto& [machine, remote] : remotes) {
      if (remote.peer) peers.push_back(std::exchange(remote.peer, nullptr));
      std::ranges::move(remote.old_peers, std::back_inserter(peers));
      remote.old_peers.clear();
    }
  }
  for (auto& peer : peers) close_and_wait(std::move(peer));
}

}  // namespace isthmus
