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

// A message of a frame: between which parts (empty: source, or answer).
struct Ends {
  Name from;
  Name to;
};

const Span* find_span(const FrameRecord& frame, SpanKind kind, Name what) {
  const auto found = std::ranges::find_if(
      frame.spans, [&](const Span& span) { return span.kind == kind && span.what == what; });
  return found == frame.spans.end() ? nullptr : &*found;
}

// One for each link that it went by: what goes back to the source goes by the machines by which
// the frame came.
std::vector<const Span*> sends_of(const FrameRecord& frame, Name edge) {
  std::vector<const Span*> sends;
  for (const Span& span : frame.spans)
    if (span.kind == SpanKind::kSend && span.what == edge) sends.push_back(&span);
  std::ranges::sort(sends, {}, [](const Span* span) { return span->start; });
  return sends;
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
  for (const PlanEdge& edge : plan.edges)
    edges[edge_name(edge.edge)] = {edge.edge.from_part, edge.edge.to_part};

  std::map<std::string, std::vector<Change>> changes;
  const auto wait = [&](const Span& on, double from, double until, std::int64_t bytes) {
    const auto size = static_cast<double>(bytes);
    changes[on.machine].push_back({std::llround(1e9 * from), size});
    changes[on.machine].push_back({std::llround(1e9 * until), -size});
  };
  for (const FrameRecord& frame : trace.frames) {
    std::vector<Name> seen;
    for (const auto& [edge, bytes, on_air] : frame.bytes) {
      const auto found = edges.find(edge);
      if (found == edges.end() || std::ranges::find(seen, edge) != seen.end()) continue;
      seen.push_back(edge);
      const auto run_of = [&](Name part) {
        return part == Name() ? nullptr : find_span(frame, SpanKind::kRun, part);
      };
      const Span* made = run_of(found->second.from);
      const Span* taken = run_of(found->second.to);
      const std::vector<const Span*> sends = sends_of(frame, edge);
      // A link that takes no time leaves no span.
      if (made && (taken || !sends.empty()))
        wait(*made, end_of(*made), end_of(sends.empty() ? *made : *sends[0]), bytes);
      for (std::size_t hop = 1; hop < sends.size(); ++hop)
        wait(*sends[hop], sends[hop - 1]->start.count(), end_of(*sends[hop]), bytes);
      if (taken && (made || !sends.empty()))
        wait(*taken, sends.empty() ? end_of(*made) : sends.back()->start.count(), end_of(*taken),
             bytes);
    }
  }
  WaitingBytes most;
  for (auto& [machine, its] : changes) most[machine] = most_at_once(its);
  return most;
}

}  // namespace isthmus
