#include "plan/waiting.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace isthmus {
namespace {

// Nanoseconds: what ends when another thing begins is not to seem later for the last bits.
struct Change {
  std::int64_t time = 0;
  double bytes = 0;
};

// A message of a frame: between which parts (null: source, or answer).
struct Ends {
  const std::string* from = nullptr;
  const std::string* to = nullptr;
};

const Span* find_span(const FrameRecord& frame, SpanKind kind, const std::string& what) {
  const auto found = std::ranges::find_if(
      frame.spans, [&](const Span& span) { return span.kind == kind && span.what == what; });
  return found == frame.spans.end() ? nullptr : &*found;
}

double end_of(const Span& span) { return (span.start + span.duration).count(); }

double most_at_once(std::vector<Change>& changes) {
  std::ranges::sort(changes, [](const Change& a, const Change& b) {
    // What goes makes room for what comes.
    return a.time != b.time ? a.time < b.time : a.bytes < b.bytes;
  });
  double now = 0;
  double most = 0;
  for (const Change& change : changes) most = std::max(most, now += change.bytes);
  return most;
}

}  // namespace

WaitingBytes most_waiting(const Trace& trace, const Plan& plan) {
  std::unordered_map<std::string, Ends> edges;
  const auto part_of = [](const std::string& part) { return part.empty() ? nullptr : &part; };
  for (const PlanEdge& edge : plan.edges)
    edges[edge_name(edge.edge)] = {part_of(edge.edge.from_part), part_of(edge.edge.to_part)};

  std::map<std::string, std::vector<Change>> changes;
  for (const FrameRecord& frame : trace.frames) {
    for (const EdgeBytes& message : frame.bytes) {
      const auto found = edges.find(message.edge);
      if (found == edges.end()) continue;
      const Ends& ends = found->second;
      const Span* made = ends.from ? find_span(frame, SpanKind::kRun, *ends.from) : nullptr;
      const Span* taken = ends.to ? find_span(frame, SpanKind::kRun, *ends.to) : nullptr;
      const Span* sent = find_span(frame, SpanKind::kSend, message.edge);
      const auto bytes = static_cast<double>(message.message);
      const auto wait = [&](const Span& run, double from, double until) {
        changes[run.machine].push_back({std::llround(1e9 * from), bytes});
        changes[run.machine].push_back({std::llround(1e9 * until), -bytes});
      };
      if (made && (sent || taken))
        wait(*made, end_of(*made), sent ? end_of(*sent) : taken->start.count());
      if (taken) wait(*taken, (sent ? *sent : *taken).start.count(), end_of(*taken));
    }
  }
  WaitingBytes most;
  for (auto& [machine, its] : changes) most[machine] = most_at_once(its);
  return most;
}

}  // namespace isthmus
