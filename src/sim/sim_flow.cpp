#include <algorithm>
#include <utility>

#include "core/rng.h"
#include "sim/simulator.h"

namespace isthmus {

std::uint32_t Simulator::slot_of(const CompiledEdge& edge, const CompiledPlan& plan,
                                 std::uint32_t ordinal) const {
  const bool race =
      edge.to_part >= 0 && plan.parts[static_cast<std::size_t>(edge.to_part)].counters() > 1;
  return edge.first_slot + (race ? ordinal : 0);
}

std::uint32_t Simulator::counter_of(const CompiledPart& part, std::uint32_t ordinal) const {
  return part.first_counter + (part.counters() > 1 ? ordinal : 0);
}

// The gate of a part that this frame takes; kNone if it goes on.
std::uint32_t Simulator::taken_gate(const Attempt& attempt, std::uint32_t part) const {
  const CompiledPlan& plan = plan_of(attempt);
  const std::vector<bool>& known = costs_of(attempt).exits;
  for (const std::uint32_t gate : plan.parts[part].gates) {
    const std::uint64_t draw = mix_seed(mix_seed(options_.seed, attempt.frame), gate);
    const bool taken = known.empty()
                           ? static_cast<double>(draw >> 11) * 0x1.0p-53 < plan.gates[gate].taken
                           : known[gate];
    if (taken) return gate;
  }
  return kNone;
}

bool Simulator::leaves(const Attempt& attempt, std::uint32_t e, std::uint32_t machine) const {
  const CompiledPlan& plan = plan_of(attempt);
  const auto to = plan.edges[e].to_part;
  if (to < 0) return plan.sink != machine;
  const CompiledPart& taker = plan.parts[static_cast<std::size_t>(to)];
  if (taker.placement == Placement::kRace) return taker.machines != std::vector{machine};
  return taker.machines[attempt.course.ordinal[static_cast<std::size_t>(to)]] != machine;
}

// What a job does, in order.
const std::vector<Simulator::Piece>& Simulator::pieces_of(const Job& job, std::uint32_t machine) {
  const Attempt& attempt = attempts_[job.attempt];
  const CompiledPlan& plan = plan_of(attempt);
  const CompiledCosts& costs = costs_of(attempt);
  const double slowdown = nodes_[machine].slowdown;
  pieces_.clear();
  const auto add = [&](SpanKind kind, std::uint32_t what, double time, bool sends = false) {
    pieces_.push_back({kind, what, slowdown * time, sends});
  };
  if (job.part < 0) {
    if (attempt.number == 0) add(SpanKind::kPrepare, kNone, options_.prepare.count());
    bool normalised = false;
    for (const std::uint32_t e : plan.input_edges) {
      const bool away = leaves(attempt, e, machine);
      // One tensor serves all edges that do not carry the image.
      if (!normalised && !(away && plan.edges[e].normalise_at_receiver)) {
        add(SpanKind::kPrepare, e, costs.normalise[e]);
        normalised = true;
      }
      add(SpanKind::kEncode, e, away ? costs.encode[e] : 0, true);
    }
    return pieces_;
  }
  const auto index = static_cast<std::uint32_t>(job.part);
  const CompiledPart& part = plan.parts[index];
  for (const std::uint32_t e : part.in_edges) {
    if (attempt.slots[slot_of(plan.edges[e], plan, job.ordinal)].input != kCrossed) continue;
    const bool image = plan.edges[e].normalise_at_receiver;
    add(SpanKind::kDecode, e, costs.decode[e] + (image ? costs.normalise[e] : 0));
  }
  add(SpanKind::kRun, index, costs.run[index]);
  pieces_.back().duration += part.swap[job.ordinal];
  const std::uint32_t gate = taken_gate(attempt, index);
  for (const std::uint32_t e : part.out_edges)
    if (is_sent(plan, e, gate))
      add(SpanKind::kEncode, e, leaves(attempt, e, machine) ? costs.encode[e] : 0, true);
  return pieces_;
}

bool Simulator::is_sent(const CompiledPlan& plan, std::uint32_t e, std::uint32_t taken_gate) {
  return taken_gate == kNone ? !plan.edges[e].is_exit : e == plan.gates[taken_gate].exit_edge;
}

// Hands over the messages of a job from the one with index `first` on, at most so many.
void Simulator::send(const Job& job, std::uint32_t machine, int first, int most) {
  const Attempt& attempt = attempts_[job.attempt];
  const CompiledPlan& plan = plan_of(attempt);
  const auto part = static_cast<std::uint32_t>(job.part);
  const std::uint32_t gate = job.part < 0 ? kNone : taken_gate(attempt, part);
  int index = 0;
  for (const std::uint32_t e : job.part < 0 ? plan.input_edges : plan.parts[part].out_edges) {
    if (!is_sent(plan, e, gate) || index++ < first) continue;
    if (most-- == 0) return;
    send_edge(job, e, machine);
    // The last answer ends the attempt.
    if (is_stale(job)) return;
  }
}

void Simulator::send_edge(const Job& job, std::uint32_t e, std::uint32_t machine) {
  const CompiledPlan& plan = plan_of(attempts_[job.attempt]);
  const CompiledEdge& edge = plan.edges[e];
  if (edge.to_part < 0) {
    if (plan.sink == machine)
      answer(job.attempt, e);
    else
      carry(job, e, machine, 0);
    return;
  }
  const CompiledPart& taker = plan.parts[static_cast<std::size_t>(edge.to_part)];
  const bool race = taker.placement == Placement::kRace;
  const std::uint32_t chosen =
      attempts_[job.attempt].course.ordinal[static_cast<std::size_t>(edge.to_part)];
  for (std::uint32_t i = race ? 0 : chosen; i < (race ? taker.machines.size() : chosen + 1); ++i) {
    if (taker.machines[i] == machine)
      arrive(job.attempt, e, i, kHere);
    else
      carry(job, e, machine, i);
  }
}

// To the machine with this ordinal, or to the sink.
void Simulator::carry(const Job& job, std::uint32_t e, std::uint32_t from, std::uint32_t ordinal) {
  const CompiledPlan& plan = plan_of(attempts_[job.attempt]);
  const std::int32_t taker = plan.edges[e].to_part;
  const std::uint32_t to =
      taker < 0 ? plan.sink : plan.parts[static_cast<std::size_t>(taker)].machines[ordinal];
  const std::uint32_t site =
      job.part < 0 ? 0 : plan.parts[static_cast<std::size_t>(job.part)].sites[job.ordinal];
  if (to == source_) return carry_back(job.attempt, e, site);
  if (taker >= 0 && !takes_credit(job, e, from, ordinal)) return;
  transmit(from, to,
           {.what = taker < 0 ? What::kAnswer : What::kArrival,
            .from = site,
            .a = job.attempt,
            .b = e,
            .c = ordinal,
            .generation = job.generation});
}

// Nobody dials the source: what goes there travels back along the way that the frame came.
void Simulator::carry_back(std::uint32_t slot, std::uint32_t e, std::uint32_t site) {
  const Attempt& attempt = attempts_[slot];
  const CompiledPlan& plan = plan_of(attempt);
  const std::uint32_t next = attempt.came_from[plan.stand_of[site]];
  Event event{.what = What::kPassBack,
              .from = site,
              .a = slot,
              .b = e,
              .c = next,
              .generation = attempt.generation};
  if (next == 0) {
    const std::int32_t taker = plan.edges[e].to_part;
    event.what = taker < 0 ? What::kAnswer : What::kArrival;
    event.c = 0;
    if (taker >= 0) {
      const auto& machines = plan.parts[static_cast<std::size_t>(taker)].machines;
      event.c = static_cast<std::uint32_t>(std::ranges::find(machines, source_) - machines.begin());
    }
  }
  transmit(plan.machines[site], plan.machines[next], event);
}

void Simulator::pass_back(const Event& event) {
  const std::uint32_t machine = plan_of(attempts_[event.a]).machines[event.c];
  if (!reachable(machine)) return;
  if (nodes_[machine].stopped)
    nodes_[machine].held.push_back(event);
  else
    carry_back(event.a, event.b, event.c);
}

// Over one link; `event` happens when the message is complete.
void Simulator::transmit(std::uint32_t from, std::uint32_t to, Event event) {
  const Attempt& attempt = attempts_[event.a];
  const std::int64_t bytes = costs_of(attempt).message_bytes[event.b];
  const Way way = way_between(from, to);
  LinkTimeline& link = links_[way.link];
  const auto passage = link.send(Seconds{now_}, bytes);
  if (options_.record_spans) {
    const Name edge = plan_of(attempt).edges[event.b].name;
    if (is_shaped(link.profile()))
      note_span(attempt.frame, {SpanKind::kSend, nodes_[from].name, edge, Seconds{now_},
                                Seconds{passage.arrives.count() - now_}});
    note_bytes(attempt.frame, {edge, bytes, passage.on_air});
  }
  if (!reachable(from) || !reachable(to)) return;
  if (!way.network) return complete(passage.arrives.count(), to, event);
  event.at_interface = true;
  event.network = static_cast<std::uint16_t>(*way.network);
  events_.push(passage.arrives.count(), event);
}

std::uint32_t Simulator::receiver_of(const Event& event) const {
  const CompiledPlan& plan = plan_of(attempts_[event.a]);
  if (event.what == What::kAnswer) return plan.sink;
  if (event.what == What::kPassBack) return plan.machines[event.c];
  const auto taker = static_cast<std::size_t>(plan.edges[event.b].to_part);
  return plan.parts[taker].machines[event.c];
}

// The last bit of a message is at the receiver, whose interface may be busy with others.
void Simulator::reach_interface(Event event) {
  event.at_interface = false;
  const std::uint32_t to = receiver_of(event);
  const std::int64_t bytes = costs_of(attempts_[event.a]).message_bytes[event.b];
  const Seconds on_air = time_on_air(cluster_.networks[event.network].link, bytes);
  const std::uint64_t key = std::uint64_t{event.network} << 32 | to;
  complete(receivers_[key].receive(Seconds{now_}, on_air).count(), to, event);
}

void Simulator::complete(double at, std::uint32_t to, Event event) {
  const Attempt& attempt = attempts_[event.a];
  if (event.what == What::kAnswer) {
    const double decode = nodes_[to].slowdown * costs_of(attempt).decode[event.b];
    if (options_.record_spans && decode > 0)
      note_span(attempt.frame,
                {SpanKind::kDecode, nodes_[to].name, plan_of(attempt).edges[event.b].name,
                 Seconds{at}, Seconds{decode}});
    at += decode;
  }
  events_.push(at, event);
}

void Simulator::arrive_from(const Event& event) {
  Attempt& attempt = attempts_[event.a];
  const CompiledPlan& plan = plan_of(attempt);
  const auto taker = static_cast<std::size_t>(plan.edges[event.b].to_part);
  std::uint32_t& came_from = attempt.came_from[plan.stand_of[plan.parts[taker].sites[event.c]]];
  if (came_from == kNone) came_from = event.from;
  arrive(event.a, event.b, event.c, kCrossed);
}

void Simulator::arrive(std::uint32_t slot, std::uint32_t e, std::uint32_t ordinal, Input how) {
  Attempt& attempt = attempts_[slot];
  const CompiledPlan& plan = plan_of(attempt);
  const CompiledEdge& edge = plan.edges[e];
  const auto index = static_cast<std::uint32_t>(edge.to_part);
  const CompiledPart& part = plan.parts[index];
  if (!reachable(part.machines[ordinal])) return;
  Input& input = attempt.slots[slot_of(edge, plan, ordinal)].input;
  // The second of a race, or an optional input that comes too late.
  if (input != kMissing) return;
  input = how;
  if (how == kHere) hold_source_of(attempt, edge, part.machines[ordinal]);
  Awaited& awaited = attempt.awaited[counter_of(part, ordinal)];
  const bool first =
      awaited.required + awaited.optional == part.required_inputs + part.optional_inputs;
  --(edge.required ? awaited.required : awaited.optional);
  if (first)
    for (const std::uint32_t other : part.in_edges)
      if (!plan.edges[other].required &&
          attempt.slots[slot_of(plan.edges[other], plan, ordinal)].input == kMissing)
        events_.push(now_ + plan.edges[other].wait, {.what = What::kGiveUp,
                                                     .a = slot,
                                                     .b = other,
                                                     .c = ordinal,
                                                     .generation = attempt.generation});
  enqueue_if_ready(slot, index, ordinal);
}

void Simulator::give_up(std::uint32_t slot, std::uint32_t e, std::uint32_t ordinal) {
  Attempt& attempt = attempts_[slot];
  const CompiledPlan& plan = plan_of(attempt);
  const CompiledEdge& edge = plan.edges[e];
  Input& input = attempt.slots[slot_of(edge, plan, ordinal)].input;
  if (input != kMissing) return;
  input = kGivenUp;
  attempt.missing.push_back(edge.name);
  const auto index = static_cast<std::uint32_t>(edge.to_part);
  --attempt.awaited[counter_of(plan.parts[index], ordinal)].optional;
  enqueue_if_ready(slot, index, ordinal);
}

void Simulator::enqueue_if_ready(std::uint32_t slot, std::uint32_t index, std::uint32_t ordinal) {
  const Attempt& attempt = attempts_[slot];
  const CompiledPlan& plan = plan_of(attempt);
  const CompiledPart& part = plan.parts[index];
  const Awaited& awaited = attempt.awaited[counter_of(part, ordinal)];
  if (awaited.required > 0 || awaited.optional > 0) return;
  const bool goes_on = std::ranges::any_of(part.in_edges, [&](std::uint32_t e) {
    return attempt.slots[slot_of(plan.edges[e], plan, ordinal)].input == kHere;
  });
  enqueue(part.machines[ordinal], {.attempt = slot,
                                   .generation = attempt.generation,
                                   .frame = attempt.frame,
                                   .part = static_cast<std::int32_t>(index),
                                   .ordinal = ordinal,
                                   .ready = now_,
                                   .goes_on = goes_on});
}

void Simulator::note_span(std::uint32_t frame, const Span& span) {
  auto& spans = trace_.frames[frame].spans;
  if (spans.empty()) spans.reserve(usual_spans_);
  spans.push_back(span);
}

void Simulator::note_bytes(std::uint32_t frame, const EdgeBytes& bytes) {
  auto& edges = trace_.frames[frame].bytes;
  if (edges.empty()) edges.reserve(usual_bytes_);
  edges.push_back(bytes);
}

void Simulator::note_job(const Job& job, std::uint32_t machine, const Core& core) {
  static const Name input = "input";
  const Attempt& attempt = attempts_[job.attempt];
  const CompiledPlan& plan = plan_of(attempt);
  const Name on = nodes_[machine].name;
  const Name name = job.part < 0 ? input : plan.parts[static_cast<std::size_t>(job.part)].name;
  if (core.start > job.ready)
    note_span(attempt.frame,
              {SpanKind::kQueue, on, name, Seconds{job.ready}, Seconds{core.start - job.ready}});
  double at = core.start;
  for (const Piece& piece : pieces_of(job, machine)) {
    if (piece.duration <= 0) continue;
    const bool plain = piece.kind == SpanKind::kRun || piece.what == kNone;
    const Name what = plain ? name : plan.edges[piece.what].name;
    note_span(attempt.frame, {piece.kind, on, what, Seconds{at}, Seconds{piece.duration}});
    at += piece.duration;
  }
}

}  // namespace isthmus
