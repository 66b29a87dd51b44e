#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json_fwd.h"
#include "core/name.h"

namespace isthmus {

// Names one frame on its way (runtime.md, "A frame").
struct FrameKey {
  std::uint16_t source = 0;
  std::uint32_t frame = 0;
  // 0 for the first try; a later attempt replaces an earlier one.
  std::uint8_t attempt = 0;
  // Which plan.
  std::uint16_t epoch = 0;

  friend auto operator<=>(const FrameKey&, const FrameKey&) = default;
};

enum class SpanKind : std::uint8_t {
  kPrepare,  // Resize, crop, normalise at the source.
  kQueue,    // Waiting on a machine for its turn.
  kRun,      // The engine.
  kEncode,
  kDecode,
  kSend,  // The time on air plus latency of a shaped link, where it is known.
};

std::string_view to_string(SpanKind kind);
SpanKind span_kind_from_string(std::string_view name);

// A piece of one frame's life on one machine. Durations are the machine's own; the start is on the
// machine's own clock and comparable only within that machine.
struct Span {
  SpanKind kind = SpanKind::kRun;
  Name machine;
  // The part, or for kEncode, kDecode and kSend the edge ("head:x->tail:x").
  Name what;
  Seconds start{0};
  Seconds duration{0};
};

struct EdgeBytes {
  Name edge;
  // Message bytes with frame header, as handed to the link; and with the link's own headers (on
  // air).
  std::int64_t message = 0;
  std::int64_t on_air = 0;
};

enum class Outcome : std::uint8_t {
  kAnswered,
  // Answered by the fallback plan at the source after the first route failed.
  kAnsweredLocally,
  // A live source had no credit; the frame was never admitted.
  kDropped,
  // The budget ended without any answer. A runtime that keeps its contract has none of these.
  kLost,
};

std::string_view to_string(Outcome outcome);
Outcome outcome_from_string(std::string_view name);

// What happened to one frame.
struct FrameRecord {
  FrameKey key;
  Outcome outcome = Outcome::kAnswered;
  // The name of the plan that answered, and why it was not the first of the ladder ("" if it was).
  std::string plan;
  std::string reason;
  // On the source's clock: when the frame was captured, and from there to the answer.
  Seconds captured{0};
  Seconds capture_to_output{0};
  std::vector<Span> spans;
  std::vector<EdgeBytes> bytes;
  // Index of the largest score; -1 if there is no answer or it is not a classification.
  std::int64_t label = -1;
  // The data set's truth; -1 if unknown.
  std::int64_t truth = -1;
  // Optional inputs that were replaced by their defaults.
  std::vector<std::string> missing;
};

// Something that happened to a machine or to the plan rather than to a frame.
struct TraceEvent {
  Seconds time{0};
  // "dead", "alive", "refused", "replan", "undeploy", "plan".
  std::string kind;
  std::string machine;
  std::string detail;
};

// What happened in a run: written alike by the runtime and by the simulator.
struct Trace {
  // "runtime" or "simulator".
  std::string origin;
  std::string plan;
  std::vector<FrameRecord> frames;
  std::vector<TraceEvent> events;
};

// docs/formats/trace.md; schema isthmus.trace/1.
Json to_json(const Trace& trace);
// `where` names the document in messages. Throws Error{kInvalid}.
Trace trace_from_json(const Json& document, const std::string& where);

}  // namespace isthmus
