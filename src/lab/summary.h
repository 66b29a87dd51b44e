#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/statistics.h"
#include "core/trace.h"
#include "plan/cluster.h"

namespace isthmus {

// A trace in numbers. Times in milliseconds, over answered frames.
struct RunSummary {
  std::int64_t frames = 0;
  std::int64_t answered = 0;
  // Of the answered ones, by the source itself because the first route failed.
  std::int64_t local_answers = 0;
  std::int64_t dropped = 0;
  std::int64_t lost = 0;
  // Classified right, of those whose truth is known.
  std::int64_t hits = 0;
  std::int64_t known = 0;
  // Answers a second, as sim/simulate.h counts them; 0 for fewer than three.
  double throughput = 0;
  double p50_ms = 0;
  double p95_ms = 0;
  double mean_ms = 0;
  // Of the mean, 90 %.
  Interval mean_interval;
  // Mean by the names of core/results.h (kSpanNames): what the source's machine ran is "head", what
  // others ran "tail"; "network" is what remains of capture-to-output.
  std::map<std::string, double> spans;
  // Mean per answered frame: messages from the source with frame headers; the same on air; and what
  // came back.
  double bytes_per_frame = 0;
  double on_air_bytes = 0;
  double answer_bytes = 0;
  // At the source's machine, by its power model.
  double energy_mj = 0;
};

RunSummary summarise(const Trace& trace, const Machine& source);

Json to_json(const RunSummary& summary);

}  // namespace isthmus
