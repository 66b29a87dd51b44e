#include <algorithm>

#include "sim/simulator.h"

namespace isthmus {

// A source with a rate: frame i is captured at i / rate, or once an offline source is free again.
void Simulator::capture() {
  if (captured_ >= options_.frames) return;
  if (!options_.live && !waiting_.empty()) {
    capture_due_ = true;
    return;
  }
  capture_due_ = false;
  const auto frame = static_cast<std::uint32_t>(captured_++);
  frames_[frame].captured = now_;
  waiting_.push_back(frame);
  if (captured_ < options_.frames)
    events_.push(std::max(now_, static_cast<double>(captured_) / options_.rate),
                 {.what = What::kCapture});
  admit_waiting();
  while (options_.live && waiting_.size() > static_cast<std::size_t>(options_.max_waiting)) {
    const std::uint32_t oldest = waiting_.front();
    waiting_.pop_front();
    finish(oldest, nullptr, Outcome::kDropped);
  }
}

bool Simulator::room_for_frame() const { return in_flight_ < options_.max_in_flight; }

void Simulator::admit_waiting() {
  // `admit` may end a frame, and that asks again.
  if (admitting_) return;
  admitting_ = true;
  while (room_for_frame()) {
    if (waiting_.empty() && options_.rate <= 0 && captured_ < options_.frames) {
      frames_[static_cast<std::size_t>(captured_)].captured = now_;
      waiting_.push_back(static_cast<std::uint32_t>(captured_++));
    }
    if (waiting_.empty() || !admit(waiting_.front())) break;
    waiting_.pop_front();
    if (capture_due_ && waiting_.empty()) events_.push(now_, {.what = What::kCapture});
  }
  admitting_ = false;
}

const Route& Simulator::route_of_new_frame(std::uint32_t frame) {
  if (!route_is_cached_ || spreads_) {
    cached_route_ = admit_route(ladder_, situation_, frame);
    route_is_cached_ = true;
  }
  return cached_route_;
}

bool Simulator::has_credits(const CompiledPlan& plan, const std::vector<std::uint32_t>& ordinal) {
  return std::ranges::all_of(plan.input_edges, [&](std::uint32_t e) {
    const auto taker = static_cast<std::size_t>(plan.edges[e].to_part);
    if (plan.parts[taker].placement == Placement::kRace) return true;
    const std::uint32_t to = plan.parts[taker].machines[ordinal[taker]];
    const auto index = static_cast<std::uint32_t>(&plan - plans_.data());
    return to == source_ || credits_[credit_for(index, e, source_, to)].left > 0;
  });
}

bool Simulator::admit(std::uint32_t frame) {
  const Route route = route_of_new_frame(frame);
  if (use_credits_ && route.plan < ladder_.size()) {
    std::vector<std::uint32_t> ordinal;
    for (const CompiledPart& part : plans_[route.plan].parts) {
      const auto chosen = route.machine_of.find(part.name);
      const std::uint32_t machine =
          chosen == route.machine_of.end() ? part.machines.front() : node_of_.at(chosen->second);
      ordinal.push_back(static_cast<std::uint32_t>(std::ranges::find(part.machines, machine) -
                                                   part.machines.begin()));
    }
    if (!has_credits(plans_[route.plan], ordinal)) return false;
  }
  ++in_flight_;
  active_.push_back(frame);
  const CompiledPlan& plan = plans_[route.plan];
  const double deadline = options_.deadline ? options_.deadline->count() : plan.deadline;
  if (!options_.local_fallback)
    events_.push(frames_[frame].captured + deadline, {.what = What::kLocalDue, .a = frame});
  else if (!plan.only_at_source)
    events_.push(std::max(now_, frames_[frame].captured +
                                    local_answer_time(Seconds{deadline}, local_time_now()).count()),
                 {.what = What::kLocalDue, .a = frame});
  launch(frame, route);
  return true;
}

std::uint32_t Simulator::new_attempt() {
  if (!free_attempts_.empty()) {
    const std::uint32_t slot = free_attempts_.back();
    free_attempts_.pop_back();
    return slot;
  }
  attempts_.emplace_back();
  return static_cast<std::uint32_t>(attempts_.size() - 1);
}

void Simulator::launch(std::uint32_t frame, const Route& route) {
  if (route.plan >= ladder_.size() && !options_.local_fallback) return;
  const std::uint32_t slot = new_attempt();
  Attempt& attempt = attempts_[slot];
  const CompiledPlan& plan = plans_[route.plan];
  attempt.frame = frame;
  attempt.plan = static_cast<std::uint32_t>(route.plan);
  attempt.number = frames_[frame].next_attempt++;
  attempt.route = route;
  attempt.ordinal.assign(plan.parts.size(), 0);
  for (const auto& [name, machine] : route.machine_of) {
    const auto part = std::ranges::find(plan.parts, name, &CompiledPart::name);
    const auto chosen = std::ranges::find(part->machines, node_of_.at(machine));
    attempt.ordinal[static_cast<std::size_t>(part - plan.parts.begin())] =
        static_cast<std::uint32_t>(chosen - part->machines.begin());
  }
  attempt.came_from.assign(plan.machines.size(), kNone);
  attempt.input.assign(plan.slots, kMissing);
  attempt.credit.assign(use_credits_ ? plan.slots : 0, kNone);
  attempt.required.assign(plan.counters, 0);
  attempt.optional.assign(plan.counters, 0);
  for (const CompiledPart& part : plan.parts) {
    for (std::uint32_t i = 0; i < part.counters(); ++i) {
      attempt.required[part.first_counter + i] = part.required_inputs;
      attempt.optional[part.first_counter + i] = part.optional_inputs;
    }
  }
  attempt.answers = plan.answers;
  attempt.missing.clear();
  frames_[frame].attempts.push_back(slot);
  if (spreads_) note_machines(attempt, +1);
  local_pending_ += attempt.plan == ladder_.size();
  if (use_credits_) take_credits(attempt, nullptr, source_);
  nodes_[source_].queue.push_back(
      {.attempt = slot, .generation = attempt.generation, .part = -1, .ready = now_});
  begin_jobs(source_);
}

void Simulator::launch_locally(std::uint32_t frame, const std::string& reason) {
  launch(frame, {.plan = ladder_.size(), .machine_of = {}, .reason = reason});
}

void Simulator::retry(std::uint32_t attempt) {
  const std::uint32_t frame = attempts_[attempt].frame;
  const Route failed = attempts_[attempt].route;
  const CompiledPlan& plan = plan_of(attempts_[attempt]);
  const double deadline = options_.deadline ? options_.deadline->count() : plan.deadline;
  const Seconds left{frames_[frame].captured + deadline - now_};
  std::erase(frames_[frame].attempts, attempt);
  release(attempt);
  launch(frame, retry_route(ladder_, situation_, frame, failed, left, local_time_now()));
}

void Simulator::local_due(std::uint32_t frame) {
  if (frames_[frame].done) return;
  if (!options_.local_fallback) return finish(frame, nullptr, Outcome::kLost);
  for (const std::uint32_t slot : frames_[frame].attempts)
    if (attempts_[slot].plan == ladder_.size()) return;
  launch_locally(frame, "late");
}

void Simulator::answer(std::uint32_t slot, std::uint32_t edge) {
  Attempt& attempt = attempts_[slot];
  const CompiledEdge& which = plan_of(attempt).edges[edge];
  if (attempt.input[which.first_slot] != kMissing) return;
  attempt.input[which.first_slot] = kCrossed;
  if (!which.is_exit && --attempt.answers > 0) return;
  finish(attempt.frame, &attempt,
         attempt.plan == ladder_.size() ? Outcome::kAnsweredLocally : Outcome::kAnswered);
}

void Simulator::finish(std::uint32_t frame, const Attempt* by, Outcome outcome) {
  Frame& state = frames_[frame];
  if (state.done) return;
  state.done = true;
  FrameRecord& record = trace_.frames[frame];
  record.key = {
      .source = 1, .frame = frame, .attempt = by ? by->number : std::uint8_t{0}, .epoch = 0};
  record.outcome = outcome;
  record.captured = Seconds{state.captured};
  if (by) {
    record.capture_to_output = Seconds{now_ - state.captured};
    record.plan = plans_[by->plan].name;
    record.reason = by->route.reason;
    record.missing = by->missing;
    if (!options_.measured.empty()) {
      const MeasuredFrame& measured = options_.measured[frame % options_.measured.size()];
      record.label = measured.label;
      record.truth = measured.truth;
    }
  }
  record.spans = std::move(state.spans);
  record.bytes = std::move(state.bytes);
  for (const std::uint32_t slot : state.attempts) release(slot);
  state.attempts.clear();
  if (outcome == Outcome::kDropped) return;
  --in_flight_;
  admit_waiting();
}

// What is on its way for it, or waits, finds another generation and is nothing any more.
void Simulator::release(std::uint32_t slot) {
  Attempt& attempt = attempts_[slot];
  if (spreads_) note_machines(attempt, -1);
  local_pending_ -= attempt.plan == ladder_.size();
  for (const std::uint32_t credit : attempt.credit)
    if (credit != kNone) events_.push(now_, {.what = What::kCredit, .a = credit});
  attempt.credit.clear();
  ++attempt.generation;
  free_attempts_.push_back(slot);
}

void Simulator::note_machines(const Attempt& attempt, int change) {
  const CompiledPlan& plan = plan_of(attempt);
  for (std::size_t i = 0; i < plan.parts.size(); ++i) {
    if (plan.parts[i].placement != Placement::kSpread) continue;
    Node& node = nodes_[plan.parts[i].machines[attempt.ordinal[i]]];
    node.in_flight += change;
    situation_.load[node.machine->name] = expected_load(node.times, node.in_flight);
  }
}

void Simulator::note_time(std::uint32_t machine, double duration) {
  constexpr std::size_t kRemembered = 16;
  Node& node = nodes_[machine];
  if (node.times.size() < kRemembered)
    node.times.emplace_back(duration);
  else
    node.times[node.next_time++ % kRemembered] = Seconds{duration};
  situation_.load[node.machine->name] = expected_load(node.times, node.in_flight);
}

}  // namespace isthmus
