#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/json.h"
#include "core/log.h"
#include "serve/source_state.h"
#include "serve/wire.h"

namespace isthmus {

void Source::State::note_report(const std::string& machine, const v1::HeartbeatReply& reply) {
  std::map<std::pair<std::uint32_t, std::string>, PartStatistics> parts;
  for (const v1::PartStatistics& part : reply.parts())
    parts.emplace(std::pair(part.epoch(), part.part()), from_wire(part));
  bool lacks_plans = false;
  {
    const std::lock_guard lock(mutex);
    const auto remote = remotes.find(machine);
    if (remote == remotes.end()) return;
    remote->second.parts = std::move(parts);
    note_instance_locked(machine, reply.instance());
    lacks_plans = current && !stopping && !remote->second.ready && remote->second.peer &&
                  remote->second.peer->alive() && clock.now() >= remote->second.retry_at;
  }
  // It was not there at the beginning, or its plans did not reach it.
  if (lacks_plans) back(machine, /*restarted=*/false);
}

const Deployment& Source::State::next_deployment_locked() const {
  const Route route = admit_route(current->plans, situation_locked(), next_frame);
  const bool none = route.plan >= current->plans.size();
  return *current->deployments[none ? 0 : route.plan];
}

Statistics Source::State::statistics_locked(const Deployment& deployment) const {
  Statistics statistics{
      .plan = deployment.plan.name, .parts = deployment.plan.parts, .machines = {}};
  for (const DeployedPart& part : deployment.parts)
    if (part.held) statistics.machines[cluster.source][part.name] = part.meter->statistics();
  for (const auto& [machine, remote] : remotes)
    for (const auto& [which, part] : remote.parts)
      if (which.first == deployment.id.epoch) statistics.machines[machine][which.second] = part;
  return statistics;
}

std::string Source::State::reason_to_replan_locked(Asked& asked) const {
  const auto dead = dead_locked();
  const Deployment& next = next_deployment_locked();
  const Statistics statistics = statistics_locked(next);
  const MachineLoad load = machine_load(next.plan, cluster, statistics, options.replan_runs);
  const bool due = clock.now() - asked.at >= options.replan_interval;
  const bool news = dead != asked.dead;
  const Route route = admit_route(current->plans, {.dead = dead, .load = {}}, 0);
  std::string reason;
  if (route.plan >= current->plans.size() && (news || due)) {
    reason = "no plan is left: " + route.reason;
  } else if (news && due) {
    reason = "machines have died or come back";
  } else if (due && is_worth_replanning(load, asked.load, options.replan_threshold)) {
    const auto busiest =
        std::ranges::max_element(load, {}, [](const auto& machine) { return machine.second; });
    reason = fmt::format("{} takes {:.3g} ms of each frame, and {:.1f} frames wait there",
                         busiest->first, 1e3 * busiest->second.count(),
                         waiting_frames(statistics)[busiest->first]);
  }
  if (!reason.empty()) asked = {.at = clock.now(), .dead = dead, .load = load};
  return reason;
}

void Source::State::replan(std::unique_lock<std::mutex>& lock, const std::set<std::string>& dead) {
  const Statistics statistics = statistics_locked(next_deployment_locked());
  std::vector<LoadedPlan> ladder = rungs;
  const auto asked_for = current;
  lock.unlock();
  std::string failure;
  try {
    auto better = options.replan(statistics, dead);
    // A source that stops meanwhile takes no new plan.
    const auto is_over = [&] {
      const std::lock_guard guard(mutex);
      return rebalancing_over;
    };
    if (better && !is_over() && to_json(better->plan) != to_json(asked_for->plans.front())) {
      ladder.front() = std::move(*better);
      const auto gone = [&](const LoadedPlan& rung) {
        return admit_route({rung.plan}, {.dead = dead, .load = {}}, 0).plan > 0;
      };
      ladder.erase(std::remove_if(std::next(ladder.begin()), ladder.end(), gone), ladder.end());
      set_ladder(std::move(ladder), {}, asked_for.get());
    }
  } catch (const std::exception& error) {
    failure = error.what();
  }
  lock.lock();
  if (!failure.empty()) event_locked("refused", "", "another plan: " + failure);
}

void Source::State::plan_around(const Error& failure) {
  std::unique_lock lock(mutex);
  const auto works = [&] {
    const Route route = admit_route(current->plans, {.dead = dead_locked(), .load = {}}, 0);
    return route.plan < current->plans.size();
  };
  // A plan may need machines that nobody has asked yet, and that are not there either.
  for (std::set<std::string> asked; !works() && asked != dead_locked();) {
    asked = dead_locked();
    event_locked("replan", "", std::string("no plan is left: ") + failure.what());
    replan(lock, asked);
  }
  if (!works()) throw failure;
  lock.unlock();
  log_warning(failure.what());
}

void Source::State::rebalance() {
  constexpr Seconds kPause{0.1};
  std::unique_lock lock(mutex);
  // The first machine that dies is not waited for.
  Asked asked{.at = clock.now() - options.replan_interval, .dead = dead_locked(), .load = {}};
  while (!rebalancing_over) {
    const std::string reason = reason_to_replan_locked(asked);
    if (reason.empty()) {
      replan_changed.wait_for(lock, kPause);
      continue;
    }
    event_locked("replan", "", reason);
    replan(lock, asked.dead);
  }
}

// Boards that are just given a plan, which may take minutes, are not waited for.
void Source::State::break_off() {
  const std::lock_guard lock(mutex);
  rebalancing_over = true;
  for (const auto& [machine, remote] : remotes)
    if (remote.client) remote.client->break_off();
}

void Source::State::stop_rebalancing() {
  break_off();
  replan_changed.notify_all();
  changed.notify_all();
  const std::lock_guard one_at_a_time(joining);
  if (rebalancer.joinable()) rebalancer.join();
}

}  // namespace isthmus
