#include <algorithm>
#include <set>
#include <utility>

#include "core/error.h"
#include "serve/source_state.h"

namespace isthmus {
namespace {

// What is answered here comes late rather than never, in however many parts it is.
constexpr Seconds kNoDeadline{1e9};
// Attempts are one byte on the wire.
constexpr std::uint8_t kLastAttempt = 250;

// What a busy machine may take to wake the right thread, twice.
Seconds margin(Seconds deadline) { return std::min(Seconds{0.1}, deadline / 10); }

std::string described(const Tensor& tensor) {
  return std::string(to_string(tensor.dtype())) + " " + to_string(tensor.shape());
}

}  // namespace

void Source::State::check_input(const SourceFrame& frame) const {
  const PlanInput& input = current->plans.front().input;
  const bool image = input.width > 0 && frame.input.dtype() == DType::kU8;
  if (image && frame.input.shape() == Shape{input.height, input.width, 3}) return;
  const bool plain = frame.input.dtype() == DType::kF32 && frame.input.shape() == input.shape;
  const auto carries = [&](const Plan& plan) {
    return std::ranges::any_of(
        plan.edges, [&](const PlanEdge& edge) { return carries_image(edge, plan.input); });
  };
  if (plain && std::ranges::none_of(current->plans, carries)) return;
  const std::string wanted = input.width > 0
                                 ? "uint8 " + to_string(Shape{input.height, input.width, 3})
                                 : "float32 " + to_string(input.shape);
  throw Error(ErrorKind::kInvalid, "plan " + current->plans.front().name + " takes inputs of " +
                                       wanted + ", not " + described(frame.input));
}

void Source::State::submit(SourceFrame frame, OnAnswer on_answer) {
  Later later;
  {
    std::unique_lock lock(mutex);
    check_input(frame);
    if (!options.live)
      changed.wait(lock, [this] { return stopping || route_with_room_locked(next_frame); });
    if (stopping) throw Error(ErrorKind::kUnavailable, "the source has been stopped");
    const Seconds captured = frame.captured.value_or(clock.now());
    waiting.push_back({std::move(frame), std::move(on_answer), next_frame++, captured});
    submitting = std::this_thread::get_id();
    admit_waiting_locked(later);
    submitting = {};
    while (static_cast<int>(waiting.size()) > std::max(0, options.max_waiting) && options.live) {
      Waiting oldest = std::move(waiting.front());
      waiting.pop_front();
      FrameRecord record{.key = {.source = options.id,
                                 .frame = oldest.frame,
                                 .attempt = 0,
                                 .epoch = current->first_epoch},
                         .outcome = Outcome::kDropped,
                         .plan = current->plans.front().name,
                         .reason = "no credit",
                         .captured = oldest.captured,
                         .truth = oldest.input.truth};
      record_locked(record);
      call_locked(std::move(oldest.on_answer), std::move(record), {}, later);
    }
  }
  for (const auto& action : later) action();
}

bool Source::State::wait_for_room(Seconds limit) {
  std::unique_lock lock(mutex);
  return changed.wait_for(lock, limit,
                          [this] { return stopping || route_with_room_locked(next_frame); });
}

void Source::State::admit_waiting_locked(Later& later) {
  while (!waiting.empty() && !stopping) {
    auto route = route_with_room_locked(waiting.front().frame);
    if (!route) return;
    Waiting next = std::move(waiting.front());
    waiting.pop_front();
    admit_locked(std::move(next), std::move(*route), later);
  }
}

Situation Source::State::situation_locked() const {
  Situation situation;
  const Seconds now = clock.now();
  for (const auto& [machine, remote] : remotes)
    if (!remote.ready || now < remote.avoid_until) situation.dead.insert(machine);
  if (replica_times.empty()) return situation;
  // By the first part of a group.
  std::map<const PlacedPart*, std::map<std::string, int>> counted;
  for (const auto& [frame, flight] : in_flight) {
    const Generation& generation = *flight.generation;
    if (flight.route.plan >= generation.plans.size()) continue;
    const std::vector<PlacedPart>& parts = generation.plans[flight.route.plan].parts;
    for (const auto& group : generation.replica_groups[flight.route.plan]) {
      const PlacedPart& any = parts[group.front()];
      ++counted[&any][flight.route.machine_of.at(any.name)];
    }
  }
  std::map<std::vector<std::string>, std::map<std::string, int>> frames_on;
  for (const auto& [part, on] : counted)
    for (const auto& [machine, frames] : on) frames_on[part->machines][machine] += frames;
  for (const auto& [machines, times] : replica_times) {
    std::map<std::string, int>& on = frames_on[machines];
    std::unordered_map<std::string, Seconds>& load = situation.load[machines];
    for (const std::string& machine : machines) {
      std::vector<Seconds> last{times.first};
      if (const auto own = times.by_machine.find(machine); own != times.by_machine.end())
        last.assign(own->second.begin(), own->second.end());
      load[machine] = expected_load(last, on[machine]);
    }
  }
  return situation;
}

Seconds Source::State::local_time_locked() const { return local_time * (1 + local_pending); }

void Source::State::admit_locked(Waiting admitted, Route route, Later& later) {
  const std::uint32_t frame = admitted.frame;
  InFlight& flight = in_flight[frame];
  flight.input = std::move(admitted.input);
  flight.on_answer = std::move(admitted.on_answer);
  flight.captured = admitted.captured;
  flight.generation = current;
  flight.route = std::move(route);
  const std::size_t plan = std::min(flight.route.plan, current->plans.size() - 1);
  flight.deadline = options.deadline.value_or(current->plans[plan].deadline);
  reserve_locked(flight);
  start_locked(frame, flight, later);
}

void Source::State::start_locked(std::uint32_t frame, InFlight& flight, Later& later) {
  const Generation& generation = *flight.generation;
  if (flight.route.plan >= generation.plans.size()) {
    start_local_locked(frame, flight, flight.route.reason, later);
    return;
  }
  const auto deployment = generation.deployments[flight.route.plan];
  const auto machines = machines_of(generation.plans, flight.route);
  const bool remote =
      std::ranges::any_of(machines, [&](const std::string& m) { return m != cluster.source; });
  if (remote && taken_down) {
    start_local_locked(frame, flight, kTakenDown, later);
    return;
  }
  if (remote)
    flight.local_at =
        flight.captured +
        (generation.local
             ? local_answer_time(flight.deadline, local_time_locked() + margin(flight.deadline))
             : flight.deadline);
  FlowNode::Admission admission{
      .key = {.source = options.id,
              .frame = frame,
              .attempt = flight.attempt,
              .epoch = deployment->id.epoch},
      .route = wire_route(deployment->plan, flight.route.machine_of),
      .budget = remote ? flight.captured + flight.deadline - clock.now() : kNoDeadline,
      .must_answer = !remote,
      .input = flight.input.input,
      .prepare = flight.attempt == 0 ? flight.input.prepare : Seconds{0}};
  timer_changed.notify_one();
  // Without the lock, because the node may send at once. Only the thread that submits lends itself
  // to the work.
  const bool here = std::this_thread::get_id() == submitting;
  later.push_back([this, deployment, admission = std::move(admission), here]() mutable {
    node->admit(deployment, std::move(admission), remote_return, here);
  });
}

void Source::State::start_local_locked(std::uint32_t frame, InFlight& flight,
                                       const std::string& reason, Later& later) {
  flight.route.reason = reason;
  if (flight.local_started) return;
  const auto& deployment = flight.generation->local;
  if (!deployment) {
    if (!park_locked(flight)) lose_locked(frame, flight, reason, later);
    return;
  }
  flight.local_started = true;
  ++local_pending;
  local_node->admit(deployment,
                    {.key = {.source = options.id,
                             .frame = frame,
                             .attempt = flight.attempt,
                             .epoch = deployment->id.epoch},
                     .route = {},
                     .budget = kNoDeadline,
                     .must_answer = true,
                     .input = flight.input.input},
                    local_return);
}

void Source::State::retry_locked(std::uint32_t frame, InFlight& flight, const std::string& why,
                                 Later& later) {
  if (flight.local_started) return;
  const Generation& generation = *flight.generation;
  Route failed = flight.route;
  failed.reason = why;
  const Seconds left = flight.captured + flight.deadline - clock.now();
  const Seconds needed = generation.local ? local_time_locked() : Seconds{0};
  flight.route = retry_route(generation.plans, situation_locked(), frame, failed, left, needed);
  ++flight.attempt;
  start_locked(frame, flight, later);
}

bool Source::State::park_locked(InFlight& flight) {
  const Seconds end = flight.captured + flight.deadline;
  const bool comes = taken_down || (options.replan && !rebalancing_over);
  if (!comes || stopping || clock.now() >= end) return false;
  flight.parked = true;
  changed.notify_all();
  flight.local_at = end;
  replan_changed.notify_all();
  timer_changed.notify_one();
  return true;
}

void Source::State::resume_parked_locked(Later& later) {
  std::vector<std::uint32_t> frames;
  for (const auto& [frame, flight] : in_flight)
    if (flight.parked && flight.attempt < kLastAttempt) frames.push_back(frame);
  for (const std::uint32_t frame : frames) {
    InFlight& flight = in_flight.at(frame);
    flight.parked = false;
    // Of all frames, this one too, the route is one of their own generation.
    Route route = admit_route(current->plans, situation_locked(), frame);
    flight.generation = current;
    flight.route = std::move(route);
    ++flight.attempt;
    start_locked(frame, flight, later);
  }
}

bool Source::State::resume_if_possible_locked(Later& later) {
  const auto is_parked = [](const auto& entry) { return entry.second.parked; };
  if (std::ranges::none_of(in_flight, is_parked)) return false;
  const Route route = admit_route(current->plans, situation_locked(), next_frame);
  if (!taken_down && route.plan < current->plans.size()) resume_parked_locked(later);
  return std::ranges::any_of(in_flight, is_parked);
}

}  // namespace isthmus
