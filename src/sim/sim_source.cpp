#include <algorithm>
#include <utility>

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

bool Simulator::admit(std::uint32_t frame) {
  const Course& course = course_of_new_frame(frame);
  const CompiledPlan& plan = plans_[course.plan];
  if (use_credits_ && course.plan < ladder_.size() && !has_credits(plan, course.ordinal))
    return false;
  // The next is only taken when there is room for it.
  if (options_.rate <= 0) frames_[frame].captured = now_;
  ++in_flight_;
  active_.push_back(frame);
  const double deadline = options_.deadline ? options_.deadline->count() : plan.deadline;
  if (!options_.local_fallback)
    events_.push_in_turn(frames_[frame].captured + deadline, {.what = What::kLocalDue, .a = frame});
  else if (!plan.only_at_source)
    events_.push_in_turn(
        std::max(now_, frames_[frame].captured +
                           local_answer_time(Seconds{deadline}, local_time_now()).count()),
        {.what = What::kLocalDue, .a = frame});
  launch(frame, course);
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

void Simulator::launch(std::uint32_t frame, const Course& course) {
  if (course.plan >= ladder_.size() && !options_.local_fallback) {
    trace_.frames[frame].plan = ladder_.back().name;
    trace_.frames[frame].reason = course.reason;
    return finish(frame, nullptr, Outcome::kLost);
  }
  const std::uint32_t slot = new_attempt();
  Attempt& attempt = attempts_[slot];
  const CompiledPlan& plan = plans_[course.plan];
  attempt.frame = frame;
  attempt.number = frames_[frame].next_attempt++;
  attempt.course = course;
  attempt.came_from.assign(plan.stands, kNone);
  attempt.slots.assign(plan.slots, {});
  attempt.awaited.resize(plan.counters);
  for (const CompiledPart& part : plan.parts)
    for (std::uint32_t i = 0; i < part.counters(); ++i)
      attempt.awaited[part.first_counter + i] = {part.required_inputs, part.optional_inputs};
  if (use_credits_) attempt.holds.assign(plan.counters, 0);
  attempt.answers = plan.answers;
  attempt.missing.clear();
  attempt.older = std::exchange(frames_[frame].attempt, slot);
  join_replicas(attempt);
  local_pending_ += attempt.course.plan == ladder_.size();
  if (use_credits_) keep_credits(attempt);
  enqueue(source_, {.attempt = slot,
                    .generation = attempt.generation,
                    .frame = frame,
                    .part = -1,
                    .ready = now_});
}

void Simulator::launch_locally(std::uint32_t frame, const std::string& reason) {
  launch(frame, local_course(reason));
}

// Of a frame's newest attempt.
void Simulator::retry(std::uint32_t attempt) {
  const std::uint32_t frame = attempts_[attempt].frame;
  const Route failed = route_of(attempts_[attempt].course);
  const CompiledPlan& plan = plan_of(attempts_[attempt]);
  const double deadline = options_.deadline ? options_.deadline->count() : plan.deadline;
  const Seconds left{frames_[frame].captured + deadline - now_};
  // The machines of the failed attempt count the frame until it has another.
  const Course next =
      course_of(retry_route(ladder_, situation(), frame, failed, left, local_time_now()));
  frames_[frame].attempt = attempts_[attempt].older;
  release(attempt, false);
  launch(frame, next);
}

void Simulator::local_due(std::uint32_t frame) {
  if (frames_[frame].done) return;
  if (!options_.local_fallback) return finish(frame, nullptr, Outcome::kLost);
  for (std::uint32_t slot = frames_[frame].attempt; slot != kNone; slot = attempts_[slot].older)
    if (attempts_[slot].course.plan == ladder_.size()) return;
  launch_locally(frame, "late");
}

void Simulator::answer(std::uint32_t slot, std::uint32_t edge) {
  Attempt& attempt = attempts_[slot];
  const CompiledEdge& which = plan_of(attempt).edges[edge];
  if (attempt.slots[which.first_slot].input != kMissing) return;
  attempt.slots[which.first_slot].input = kCrossed;
  if (!which.is_exit && --attempt.answers > 0) return;
  finish(attempt.frame, &attempt,
         attempt.course.plan == ladder_.size() ? Outcome::kAnsweredLocally : Outcome::kAnswered);
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
    record.plan = plans_[by->course.plan].name;
    record.reason = by->course.reason;
    record.missing = by->missing;
    if (!options_.measured.empty()) {
      const MeasuredFrame& measured = options_.measured[frame % options_.measured.size()];
      record.label = measured.label;
      record.truth = measured.truth;
    }
  }
  usual_spans_ = record.spans.size();
  usual_bytes_ = record.bytes.size();
  for (std::uint32_t slot = std::exchange(state.attempt, kNone); slot != kNone;
       slot = attempts_[slot].older)
    release(slot, outcome == Outcome::kAnswered && by == &attempts_[slot]);
  if (outcome == Outcome::kDropped) return;
  --in_flight_;
  admit_waiting();
}

// What is on its way for it, or waits, finds another generation and is nothing any more.
void Simulator::release(std::uint32_t slot, bool answered) {
  Attempt& attempt = attempts_[slot];
  leave_replicas(attempt, answered);
  local_pending_ -= attempt.course.plan == ladder_.size();
  for (const Slot& each : attempt.slots)
    if (each.credit != kNone) events_.push(now_, {.what = What::kCredit, .a = each.credit});
  ++attempt.generation;
  free_attempts_.push_back(slot);
}

}  // namespace isthmus
