#include "lab/summary.h"

#include <algorithm>
#include <vector>

#include "core/json.h"
#include "core/statistics.h"
#include "plan/energy.h"
#include "plan/plan.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

std::string span_name(const Span& span, const std::string& source) {
  switch (span.kind) {
    case SpanKind::kPrepare: return "prepare";
    case SpanKind::kQueue: return "queue";
    case SpanKind::kRun: return span.machine == source ? "head" : "tail";
    case SpanKind::kEncode: return "encode";
    case SpanKind::kDecode: return "decode";
    case SpanKind::kSend: return "network";
  }
  return "network";
}

// Adds a frame's milliseconds by name; what no span explains is the network's.
void add_spans(std::map<std::string, double>& sums, const FrameRecord& frame,
               const std::string& source) {
  double explained = 0;
  for (const Span& span : frame.spans) {
    if (span.kind == SpanKind::kSend) continue;
    sums[span_name(span, source)] += 1e3 * span.duration.count();
    explained += span.duration.count();
  }
  sums["network"] += 1e3 * std::max(frame.capture_to_output.count() - explained, 0.0);
}

void add_bytes(RunSummary& summary, const FrameRecord& frame) {
  for (const EdgeBytes& edge : frame.bytes) {
    if (edge_from_name(edge.edge).to_part.empty()) {
      summary.answer_bytes += static_cast<double>(edge.message);
    } else {
      summary.bytes_per_frame += static_cast<double>(edge.message);
      summary.on_air_bytes += static_cast<double>(edge.on_air);
    }
  }
}

bool count_outcome(RunSummary& summary, const FrameRecord& frame) {
  ++summary.frames;
  if (frame.outcome == Outcome::kDropped) ++summary.dropped;
  if (frame.outcome == Outcome::kLost) ++summary.lost;
  if (frame.outcome == Outcome::kDropped || frame.outcome == Outcome::kLost) return false;
  ++summary.answered;
  if (frame.outcome == Outcome::kAnsweredLocally) ++summary.local_answers;
  if (frame.truth >= 0) {
    ++summary.known;
    if (frame.label == frame.truth) ++summary.hits;
  }
  return true;
}

}  // namespace

RunSummary summarise(const Trace& trace, const Machine& source) {
  RunSummary summary;
  summary.throughput = throughput(trace);
  std::vector<double> times;
  for (const FrameRecord& frame : trace.frames) {
    if (!count_outcome(summary, frame)) continue;
    times.push_back(1e3 * frame.capture_to_output.count());
    add_spans(summary.spans, frame, source.name);
    add_bytes(summary, frame);
    MachineTime time = machine_time(frame, source.name);
    summary.energy_mj += energy_mj(source.power, time);
  }
  if (times.empty()) return summary;
  const auto count = static_cast<double>(times.size());
  for (auto& [name, sum] : summary.spans) sum /= count;
  for (double* sum :
       {&summary.bytes_per_frame, &summary.on_air_bytes, &summary.answer_bytes, &summary.energy_mj})
    *sum /= count;
  summary.p50_ms = quantile(times, 0.5);
  summary.p95_ms = quantile(times, 0.95);
  summary.mean_ms = mean(times);
  summary.mean_interval = mean_interval(times, kZ90);
  return summary;
}

Json to_json(const RunSummary& summary) {
  Json result = {{"frames", summary.frames},
                 {"answered", summary.answered},
                 {"local_answers", summary.local_answers},
                 {"dropped", summary.dropped},
                 {"lost", summary.lost},
                 {"frames_per_second", summary.throughput},
                 {"p50_ms", summary.p50_ms},
                 {"p95_ms", summary.p95_ms},
                 {"mean_ms", summary.mean_ms},
                 {"mean_interval_ms", {summary.mean_interval.low, summary.mean_interval.high}},
                 {"spans", Json::object()},
                 {"bytes_per_frame", summary.bytes_per_frame},
                 {"on_air_bytes", summary.on_air_bytes},
                 {"answer_bytes", summary.answer_bytes},
                 {"energy_mj", summary.energy_mj}};
  for (const auto& [name, ms] : summary.spans) result["spans"][name] = ms;
  if (summary.known > 0) {
    const Interval interval = wilson_interval(summary.hits, summary.known);
    result["top1"] = static_cast<double>(summary.hits) / static_cast<double>(summary.known);
    result["images"] = summary.known;
    result["interval"] = {interval.low, interval.high};
  }
  return result;
}

}  // namespace isthmus
