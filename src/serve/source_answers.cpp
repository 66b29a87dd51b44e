#include <algorithm>
#include <utility>

#include "serve/source_state.h"

namespace isthmus {
namespace {

// After a refusal a machine is left alone for as long as one that came back must have answered
// heartbeats.
constexpr Seconds kAvoid{1};

std::string text_of(const Payload& payload) {
  return {reinterpret_cast<const char*>(payload.bytes().data()), payload.size()};
}

bool is_edge(SpanKind kind) { return kind != SpanKind::kQueue && kind != SpanKind::kRun; }

std::string name_of(const Deployment& deployment, const WireSpan& span) {
  if (span.what == kNoIndex) return "input";
  if (is_edge(span.kind))
    return span.what < deployment.edges.size() ? deployment.edges[span.what].name : "";
  return span.what < deployment.parts.size() ? deployment.parts[span.what].name : "";
}

}  // namespace

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

// For the choice between replicas (plan/policy.h).
void Source::State::note_times_locked(const FrameRecord& record, const InFlight& flight) {
  if (flight.generation != current || flight.route.plan >= current->plans.size()) return;
  const std::vector<PlacedPart>& parts = current->plans[flight.route.plan].parts;
  for (const auto& group : current->replica_groups[flight.route.plan]) {
    const PlacedPart& any = parts[group.front()];
    const std::string& machine = flight.route.machine_of.at(any.name);
    Seconds ran{0};
    for (const Span& span : record.spans)
      if (span.kind == SpanKind::kRun && span.machine == machine &&
          std::ranges::any_of(group,
                              [&](std::size_t part) { return span.what == parts[part].name; }))
        ran += span.duration;
    // A frame that left by an exit was not there.
    if (ran <= Seconds{0}) continue;
    ReplicaTimes& times = replica_times[any.machines];
    std::deque<Seconds>& last = times.by_machine[machine];
    last.push_back(ran);
    if (last.size() > kRememberedTimes) last.pop_front();
    if (times.first <= Seconds{0}) times.first = ran;
  }
}

void Source::State::finish_locked(std::uint32_t frame, FrameRecord record, Tensor scores,
                                  Later& later) {
  const auto found = in_flight.find(frame);
  InFlight flight = std::move(found->second);
  in_flight.erase(found);
  if (flight.local_started) --local_pending;
  for (const auto& [at, kept] : flight.reserved)
    if (const auto peer = at.lock()) peer->release(kept);
  record.captured = flight.captured;
  record.capture_to_output = clock.now() - flight.captured;
  record.truth = flight.input.truth;
  if (record.outcome == Outcome::kAnswered) note_times_locked(record, flight);
  record_locked(record);
  call_locked(std::move(flight.on_answer), std::move(record), std::move(scores), later);
  admit_waiting_locked(later);
  changed.notify_all();
  timer_changed.notify_one();
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

}  // namespace isthmus
