#include <algorithm>
#include <utility>

#include "core/error.h"
#include "serve/source_state.h"

namespace isthmus {
namespace {

// After a refusal a machine is left alone for as long as one that came back must have answered
// heartbeats.
constexpr Seconds kAvoid{1};
constexpr std::size_t kRememberedTimes = 8;

std::string text_of(const Payload& payload) {
  return {reinterpret_cast<const char*>(payload.bytes().data()), payload.size()};
}

// What a busy machine may take to wake the right thread, twice.
Seconds margin(Seconds deadline) { return std::min(Seconds{0.1}, deadline / 10); }

bool is_edge(SpanKind kind) { return kind != SpanKind::kQueue && kind != SpanKind::kRun; }

std::string name_of(const Deployment& deployment, const WireSpan& span) {
  if (span.what == kNoIndex) return "input";
  if (is_edge(span.kind))
    return span.what < deployment.edges.size() ? deployment.edges[span.what].name : "";
  return span.what < deployment.parts.size() ? deployment.parts[span.what].name : "";
}

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
    if (!options.live) changed.wait(lock, [this] { return stopping || may_admit_locked(); });
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
  return changed.wait_for(lock, limit, [this] { return stopping || may_admit_locked(); });
}

// A machine without credit still has enough to do; the plan that it runs takes no more for now.
bool Source::State::may_admit_locked() const {
  if (static_cast<int>(in_flight.size()) >= std::max(1, options.max_in_flight)) return false;
  if (!options.live) return true;
  const Route route = admit_route(current->plans, situation_locked(), next_frame);
  for (const std::string& machine : machines_of(current->plans, route)) {
    const auto remote = remotes.find(machine);
    if (remote != remotes.end() && remote->second.peer && !remote->second.peer->idle())
      return false;
  }
  return true;
}

void Source::State::admit_waiting_locked(Later& later) {
  while (!waiting.empty() && !stopping && may_admit_locked()) {
    Waiting next = std::move(waiting.front());
    waiting.pop_front();
    admit_locked(std::move(next), later);
  }
}

Situation Source::State::situation_locked() const {
  Situation situation;
  const Seconds now = clock.now();
  for (const auto& [machine, remote] : remotes) {
    if (!remote.ready || now < remote.avoid_until) situation.dead.insert(machine);
    if (remote.times.empty()) continue;
    const std::vector<Seconds> times(remote.times.begin(), remote.times.end());
    const auto on_it = [&](const auto& entry) {
      return machines_of(entry.second.generation->plans, entry.second.route).contains(machine);
    };
    situation.load[machine] =
        expected_load(times, static_cast<int>(std::ranges::count_if(in_flight, on_it)));
  }
  return situation;
}

Seconds Source::State::local_time_locked() const { return local_time * (1 + local_pending); }

void Source::State::admit_locked(Waiting admitted, Later& later) {
  const std::uint32_t frame = admitted.frame;
  InFlight& flight = in_flight[frame];
  flight.input = std::move(admitted.input);
  flight.on_answer = std::move(admitted.on_answer);
  flight.captured = admitted.captured;
  flight.generation = current;
  flight.route = admit_route(current->plans, situation_locked(), frame);
  const std::size_t plan = std::min(flight.route.plan, current->plans.size() - 1);
  flight.deadline = options.deadline.value_or(current->plans[plan].deadline);
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
  FlowNode::Admission admission{.key = {.source = options.id,
                                        .frame = frame,
                                        .attempt = flight.attempt,
                                        .epoch = deployment->id.epoch},
                                .route = wire_route(deployment->plan, flight.route.machine_of),
                                .budget = flight.captured + flight.deadline - clock.now(),
                                .must_answer = !generation.local || !remote,
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
                     .budget = flight.captured + flight.deadline - clock.now(),
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

void Source::State::lose_locked(std::uint32_t frame, InFlight& flight, const std::string& why,
                                Later& later) {
  const std::size_t plan = std::min(flight.route.plan, flight.generation->plans.size() - 1);
  FrameRecord record{.key = {.source = options.id,
                             .frame = frame,
                             .attempt = flight.attempt,
                             .epoch = flight.generation->first_epoch},
                     .outcome = Outcome::kLost,
                     .plan = flight.generation->plans[plan].name,
                     .reason = why};
  finish_locked(frame, std::move(record), {}, later);
}

void Source::State::returned(const Deployment* deployment, Parcel parcel, bool local) {
  const FrameHeader& header = parcel.message.header;
  if (header.type == FrameType::kTensor) {
    node->receive(std::move(parcel), remote_return);
    return;
  }
  if (header.type == FrameType::kAnswer && deployment != nullptr) {
    answered(*deployment, std::move(parcel), local);
    return;
  }
  Later later;
  {
    const std::lock_guard lock(mutex);
    const auto found = in_flight.find(header.key.frame);
    if (header.type == FrameType::kAck && deployment != nullptr) {
      if (found != in_flight.end())
        found->second.reports.append(parcel.trailer);
      else if (const auto index = recorded.find(header.key.frame); index != recorded.end())
        add_reports(trace.frames[index->second], *deployment, parcel.trailer);
    }
    if (header.type != FrameType::kRefusal || found == in_flight.end()) return;
    InFlight& flight = found->second;
    const std::string why = text_of(parcel.message.payload);
    if (local) {
      lose_locked(header.key.frame, flight, why, later);
    } else if (header.key.attempt == flight.attempt) {
      if (deployment != nullptr && header.edge < deployment->machines.size()) {
        const std::string& machine = deployment->machines[header.edge];
        if (const auto remote = remotes.find(machine); remote != remotes.end())
          remote->second.avoid_until = clock.now() + kAvoid;
        event_locked("refused", machine, why);
      } else {
        event_locked("refused", "", why);
      }
      retry_locked(header.key.frame, flight, why, later);
    }
    admit_waiting_locked(later);
  }
  for (const auto& action : later) action();
}

void Source::State::answered(const Deployment& deployment, Parcel parcel, bool local) {
  const FrameHeader& header = parcel.message.header;
  {
    // Most duplicates end here, before anything is decoded.
    const std::lock_guard lock(mutex);
    if (!in_flight.contains(header.key.frame)) return;
  }
  Trailer trailer = std::move(parcel.trailer);
  Tensor scores = std::move(parcel.tensor);
  if (scores.empty()) {
    if (header.edge >= deployment.edges.size()) return;
    const DeployedEdge& edge = deployment.edges[header.edge];
    const Seconds start = clock.now();
    const Payload& payload = parcel.message.payload;
    scores = edge.codec->decode_shared(payload.bytes(), payload.owner(), edge.tensor.dtype,
                                       edge.tensor.shape);
    trailer.spans.push_back(
        {SpanKind::kDecode, deployment.self, header.edge, start, clock.now() - start});
  }
  Later later;
  {
    const std::lock_guard lock(mutex);
    const auto found = in_flight.find(header.key.frame);
    if (found == in_flight.end()) return;
    const InFlight& flight = found->second;
    FrameRecord record{.key = header.key, .plan = deployment.plan.name};
    record.outcome = local ? Outcome::kAnsweredLocally : Outcome::kAnswered;
    record.reason = flight.route.reason;
    trailer.append(flight.reports);
    add_reports(record, deployment, trailer);
    if (scores.dtype() == DType::kF32 && scores.size() > 1)
      record.label = static_cast<std::int64_t>(argmax(scores.values<float>()));
    finish_locked(header.key.frame, std::move(record), std::move(scores), later);
  }
  for (const auto& action : later) action();
}

void Source::State::add_reports(FrameRecord& record, const Deployment& deployment,
                                const Trailer& trailer) const {
  for (const WireSpan& span : trailer.spans) {
    if (span.machine >= deployment.machines.size()) continue;
    record.spans.push_back({span.kind, deployment.machines[span.machine], name_of(deployment, span),
                            span.start, span.duration});
  }
  for (const WireBytes& bytes : trailer.bytes) {
    if (bytes.edge >= deployment.edges.size()) continue;
    const Name name = deployment.edges[bytes.edge].name;
    auto entry = std::ranges::find(record.bytes, name, &EdgeBytes::edge);
    if (entry == record.bytes.end()) entry = record.bytes.insert(entry, {.edge = name});
    entry->message += bytes.message;
    entry->on_air += bytes.on_air;
  }
  for (const std::uint16_t edge : trailer.missing)
    if (edge < deployment.edges.size()) record.missing.push_back(deployment.edges[edge].name);
}

void Source::State::record_locked(const FrameRecord& record) {
  if (trace.frames.size() >= 2 * std::max<std::size_t>(options.trace_frames, 1)) {
    const auto last = trace.frames.end() - static_cast<std::ptrdiff_t>(options.trace_frames);
    trace.frames.erase(trace.frames.begin(), last);
    recorded.clear();
    for (std::size_t i = 0; i < trace.frames.size(); ++i) recorded[trace.frames[i].key.frame] = i;
  }
  recorded[record.key.frame] = trace.frames.size();
  trace.frames.push_back(record);
}

void Source::State::call_locked(OnAnswer on_answer, FrameRecord record, Tensor scores,
                                Later& later) {
  if (!on_answer) return;
  ++calling;
  later.push_back(
      [this, call = std::move(on_answer), record = std::move(record), scores = std::move(scores)] {
        call(record, scores);
        const std::lock_guard lock(mutex);
        --calling;
        changed.notify_all();
      });
}

void Source::State::finish_locked(std::uint32_t frame, FrameRecord record, Tensor scores,
                                  Later& later) {
  const auto found = in_flight.find(frame);
  InFlight flight = std::move(found->second);
  in_flight.erase(found);
  if (flight.local_started) --local_pending;
  record.captured = flight.captured;
  record.capture_to_output = clock.now() - flight.captured;
  record.truth = flight.input.truth;
  if (record.outcome == Outcome::kAnswered) {
    for (const std::string& machine : machines_of(flight.generation->plans, flight.route)) {
      const auto remote = remotes.find(machine);
      if (remote == remotes.end()) continue;
      remote->second.times.push_back(record.capture_to_output);
      if (remote->second.times.size() > kRememberedTimes) remote->second.times.pop_front();
    }
  }
  record_locked(record);
  call_locked(std::move(flight.on_answer), std::move(record), std::move(scores), later);
  admit_waiting_locked(later);
  changed.notify_all();
  timer_changed.notify_one();
}

void Source::State::keep_time() {
  std::unique_lock lock(mutex);
  while (!ended) {
    std::optional<Seconds> next;
    for (const auto& [frame, flight] : in_flight)
      if (flight.local_at && !flight.local_started && (!next || *flight.local_at < *next))
        next = flight.local_at;
    const Seconds now = clock.now();
    if (next && now >= *next) {
      Later later;
      std::vector<std::uint32_t> due;
      for (const auto& [frame, flight] : in_flight)
        if (flight.local_at && !flight.local_started && now >= *flight.local_at)
          due.push_back(frame);
      for (const std::uint32_t frame : due)
        start_local_locked(frame, in_flight.at(frame), "no answer in time", later);
      lock.unlock();
      for (const auto& action : later) action();
      lock.lock();
      continue;
    }
    const auto idle = [&](const std::shared_ptr<const Generation>& generation) {
      return std::ranges::none_of(
          in_flight, [&](const auto& entry) { return entry.second.generation == generation; });
    };
    if (const auto old = std::ranges::find_if(draining, idle); old != draining.end()) {
      const std::shared_ptr<const Generation> generation = std::move(*old);
      draining.erase(old);
      lock.unlock();
      retire(generation);
      lock.lock();
      continue;
    }
    // A machine that is avoided for a moment may be used again afterwards: waiting frames ask anew.
    Seconds pause = next ? *next - now : Seconds{0.5};
    if (!waiting.empty()) pause = std::min(pause, Seconds{0.02});
    timer_changed.wait_for(lock, pause);
    Later later;
    admit_waiting_locked(later);
    if (later.empty()) continue;
    lock.unlock();
    for (const auto& action : later) action();
    lock.lock();
  }
}

}  // namespace isthmus
