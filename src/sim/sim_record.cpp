#include "sim/simulator.h"

namespace isthmus {

Simulator::Notes& Simulator::notes_of(std::uint32_t frame) {
  std::uint32_t& notes = frames_[frame].notes;
  if (notes == kNone) {
    if (free_notes_.empty()) {
      free_notes_.push_back(static_cast<std::uint32_t>(notes_.size()));
      notes_.emplace_back();
    }
    notes = free_notes_.back();
    free_notes_.pop_back();
  }
  return notes_[notes];
}

void Simulator::note_span(std::uint32_t frame, SpanKind kind, std::uint32_t machine,
                          const std::string& what, double start, double duration) {
  notes_of(frame).spans.push_back({kind, machine, &what, start, duration});
}

void Simulator::note_bytes(std::uint32_t frame, const std::string& edge, std::int64_t message,
                           std::int64_t on_air) {
  notes_of(frame).bytes.push_back({&edge, message, on_air});
}

void Simulator::note_job(const Job& job, std::uint32_t machine, const Core& core) {
  static const std::string input = "input";
  const Attempt& attempt = attempts_[job.attempt];
  const CompiledPlan& plan = plan_of(attempt);
  const std::string& name =
      job.part < 0 ? input : plan.parts[static_cast<std::size_t>(job.part)].name;
  if (core.start > job.ready)
    note_span(attempt.frame, SpanKind::kQueue, machine, name, job.ready, core.start - job.ready);
  double at = core.start;
  for (const Piece& piece : pieces_of(job, machine)) {
    if (piece.duration <= 0) continue;
    const bool plain = piece.kind == SpanKind::kRun || piece.what == kNone;
    const std::string& what = plain ? name : plan.edges[piece.what].name;
    note_span(attempt.frame, piece.kind, machine, what, at, piece.duration);
    at += piece.duration;
  }
}

// Names are copied once, into lists of the right size; the memory of the notes is used again.
void Simulator::write_notes(std::uint32_t frame, FrameRecord& record) {
  const std::uint32_t index = frames_[frame].notes;
  if (index == kNone) return;
  Notes& notes = notes_[index];
  record.spans.reserve(notes.spans.size());
  for (const SpanNote& span : notes.spans)
    record.spans.push_back({span.kind, nodes_[span.machine].machine->name, *span.what,
                            Seconds{span.start}, Seconds{span.duration}});
  record.bytes.reserve(notes.bytes.size());
  for (const BytesNote& bytes : notes.bytes)
    record.bytes.push_back({*bytes.edge, bytes.message, bytes.on_air});
  notes.spans.clear();
  notes.bytes.clear();
  frames_[frame].notes = kNone;
  free_notes_.push_back(index);
}

}  // namespace isthmus
