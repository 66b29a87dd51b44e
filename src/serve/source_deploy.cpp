#include <algorithm>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "serve/source_state.h"

namespace isthmus {
namespace {

std::int64_t request_bytes(const Generation::ForMachine& target) {
  std::int64_t bytes = 0;
  for (const auto& request : target.requests)
    bytes += static_cast<std::int64_t>(request.ByteSizeLong());
  return bytes;
}

}  // namespace

std::vector<v1::UndeployRequest> Source::State::undeploy_requests(
    const Generation::ForMachine& target) {
  std::vector<v1::UndeployRequest> requests;
  for (const v1::DeployRequest& request : target.requests) {
    requests.emplace_back().set_source(request.source());
    requests.back().set_epoch(request.epoch());
    requests.back().set_source_instance(request.source_instance());
  }
  return requests;
}

GenerationSpec Source::State::spec_for(std::vector<LoadedPlan> ladder,
                                       std::uint16_t first_epoch) const {
  return {.ladder = std::move(ladder),
          .cluster = cluster,
          .source = options.id,
          .source_instance = instance,
          .first_epoch = first_epoch,
          .seed = options.seed,
          .local_fallback = options.local_fallback,
          .shape_links = options.shape_links};
}

Source::State::Connected Source::State::connect(const Generation& generation,
                                                const DeployProgress& progress) {
  Connected result;
  Situation situation;
  const Seconds until = clock.now() + options.connect_timeout;
  const auto fail = [&](const std::string& machine, const Error& error) {
    if (!result.failure) result.failure = error;
    if (error.kind() == ErrorKind::kUnsupported) result.refused = true;
    situation.dead.insert(machine);
    connect_peer(machine, generation, 0);
  };
  // All are greeted before weights travel, which may take longer than a greeting may.
  std::map<std::string, std::uint64_t> instances;
  for (const auto& [machine, target] : generation.machines) try {
      instances[machine] =
          client_of(machine).greet(std::max(until - clock.now(), Seconds{0.2})).instance();
    } catch (const Error& error) {
      fail(machine, error);
    }
  {
    const std::lock_guard lock(mutex);
    for (const auto& [machine, started] : instances) note_instance_locked(machine, started);
  }
  for (const auto& [machine, started] : instances) try {
      deploy_to(machine, generation, progress);
      connect_peer(machine, generation, started);
      if (!becomes_ready(machine, generation))
        throw Error(ErrorKind::kUnavailable, machine + " went away while it was given its plan");
    } catch (const Error& error) {
      fail(machine, error);
    }
  result.enough = admit_route(generation.plans, situation, 0).plan < generation.plans.size();
  return result;
}

// A machine that failed is left out where some plan can do without it.
void Source::State::check(const Connected& connected) {
  if (!connected.enough) throw *connected.failure;
  if (connected.failure) log_warning(connected.failure->what());
}

void Source::State::deploy_to(const std::string& machine, const Generation& generation,
                              const DeployProgress& progress) {
  const auto target = generation.machines.find(machine);
  if (target == generation.machines.end()) return;
  AgentClient& client = client_of(machine);
  const std::int64_t blobs =
      client.send_blobs(target->second.blobs, [&](std::int64_t done, std::int64_t total) {
        if (progress) progress(machine, done, total);
      });
  for (const v1::DeployRequest& request : target->second.requests) client.deploy(request);
  const std::lock_guard lock(mutex);
  deployed_bytes[machine] = blobs + request_bytes(target->second);
  remotes[machine].holds.insert(generation.first_epoch);
}

void Source::State::install(const std::shared_ptr<const Generation>& generation) {
  for (const auto& deployment : generation->deployments) node->deploy(deployment);
  if (generation->local) local_node->deploy(generation->local);
  Later later;
  {
    const std::lock_guard lock(mutex);
    if (current) {
      draining.push_back(current);
      event_locked("plan", "", generation->plans.front().name);
    }
    current = generation;
    taken_down = false;
    // Other parts take other times.
    replica_times.clear();
    for (auto& [machine, remote] : remotes) {
      // One that came back meanwhile was brought the old plans.
      remote.ready = remote.peer && remote.peer->alive() && holds_current_locked(machine);
    }
    resume_parked_locked(later);
    changed.notify_all();
    timer_changed.notify_one();
  }
  for (const auto& action : later) action();
}

void Source::State::set_ladder(std::vector<LoadedPlan> ladder, const DeployProgress& progress,
                               const Generation* only_after) {
  const std::lock_guard one_at_a_time(changing);
  std::uint16_t first = 1;
  bool works = true;
  {
    const std::lock_guard lock(mutex);
    if (stopping) throw Error(ErrorKind::kUnavailable, "the source has been stopped");
    if (only_after != nullptr && only_after != current.get()) return;
    first = static_cast<std::uint16_t>(current->first_epoch + current->plans.size() + 1);
    const Route route = admit_route(current->plans, {.dead = dead_locked(), .load = {}}, 0);
    works = route.plan < current->plans.size();
  }
  std::vector<LoadedPlan> kept = options.replan ? ladder : std::vector<LoadedPlan>{};
  const auto generation = make_generation(spec_for(std::move(ladder), first), parts);
  try {
    Connected connected;
    if (works) connected = connect(*generation, progress);
    if (!works || connected.refused) connected = connect_instead(*generation, progress);
    check(connected);
    measure_local(*generation);
  } catch (...) {
    undeploy(*generation);
    put_back();
    throw;
  }
  install(generation);
  const std::lock_guard lock(mutex);
  rungs = std::move(kept);
}

// The machines have no room for two plans, or nothing can run the old ones any more: those go
// first.
Source::State::Connected Source::State::connect_instead(const Generation& generation,
                                                        const DeployProgress& progress) {
  // For what machines still run of a plan that was taken down.
  constexpr Seconds kFreeingLimit{3};
  constexpr Seconds kPause{0.2};
  take_down();
  const Seconds until = clock.now() + kFreeingLimit;
  while (true) {
    Connected connected = connect(generation, progress);
    std::unique_lock lock(mutex);
    if (!connected.refused || clock.now() >= until || rebalancing_over) return connected;
    replan_changed.wait_for(lock, kPause);
  }
}

void Source::State::take_down() {
  constexpr Seconds kDrainLimit{5};
  std::vector<std::shared_ptr<const Generation>> old;
  Later later;
  {
    std::unique_lock lock(mutex);
    taken_down = true;
    event_locked("undeploy", "", current->plans.front().name);
    const auto is_remote = [](const auto& entry) {
      return !entry.second.parked && !entry.second.local_started;
    };
    changed.wait_for(lock, kDrainLimit, [&] {
      return rebalancing_over || std::ranges::none_of(in_flight, is_remote);
    });
    std::vector<std::uint32_t> left;
    for (const auto& entry : in_flight)
      if (is_remote(entry)) left.push_back(entry.first);
    for (const std::uint32_t frame : left)
      start_local_locked(frame, in_flight.at(frame), kTakenDown, later);
    old = draining;
    old.push_back(current);
  }
  for (const auto& action : later) action();
  for (const auto& generation : old) undeploy(*generation);
}

void Source::State::put_back() {
  std::shared_ptr<const Generation> generation;
  std::vector<std::string> machines;
  {
    const std::lock_guard lock(mutex);
    if (!taken_down) return;
    generation = current;
    for (const auto& [machine, target] : generation->machines)
      if (remotes[machine].ready) machines.push_back(machine);
  }
  for (const std::string& machine : machines) {
    try {
      deploy_to(machine, *generation, {});
    } catch (const Error& error) {
      const std::lock_guard lock(mutex);
      remotes[machine].ready = false;
      event_locked("refused", machine, error.what());
    }
  }
  Later later;
  {
    const std::lock_guard lock(mutex);
    taken_down = false;
    for (auto& [machine, remote] : remotes)
      remote.ready = remote.ready && holds_current_locked(machine);
    resume_parked_locked(later);
    timer_changed.notify_one();
  }
  for (const auto& action : later) action();
}

void Source::State::retire(const std::shared_ptr<const Generation>& generation) {
  for (const auto& deployment : generation->deployments) node->undeploy(deployment->id);
  if (generation->local) local_node->undeploy(generation->local->id);
  undeploy(*generation);
}

void Source::State::undeploy(const Generation& generation) {
  for (const auto& [machine, target] : generation.machines) {
    const std::vector<v1::UndeployRequest> requests = undeploy_requests(target);
    AgentClient* client = nullptr;
    {
      const std::lock_guard lock(mutex);
      Remote& remote = remotes[machine];
      remote.holds.erase(generation.first_epoch);
      if (remote.ready || (remote.peer && remote.peer->alive()))
        client = remote.client.get();
      else
        std::ranges::copy(requests, std::back_inserter(remote.left_over));
    }
    if (client != nullptr) undeploy(*client, requests);
  }
}

void Source::State::undeploy(AgentClient& client,
                             const std::vector<v1::UndeployRequest>& requests) {
  try {
    for (const v1::UndeployRequest& request : requests) client.undeploy(request, Seconds{1});
  } catch (const Error& error) {
    log_info(error.what());
  }
}

std::map<std::string, std::int64_t> Source::State::stage(std::vector<LoadedPlan> plans,
                                                         const DeployProgress& progress) {
  const std::lock_guard one_at_a_time(changing);
  {
    const std::lock_guard lock(mutex);
    if (stopping) throw Error(ErrorKind::kUnavailable, "the source has been stopped");
  }
  GenerationSpec spec = spec_for(std::move(plans), 1);
  spec.local_fallback = false;
  const auto generation = make_generation(spec, parts);
  std::map<std::string, std::int64_t> sent;
  for (const auto& [machine, target] : generation->machines) {
    try {
      AgentClient& client = client_of(machine);
      client.greet(options.connect_timeout);
      sent[machine] = client.send_blobs(target.blobs, [&](std::int64_t done, std::int64_t total) {
        if (progress) progress(machine, done, total);
      });
    } catch (const Error& error) {
      log_info(error.what());
    }
  }
  return sent;
}

}  // namespace isthmus
