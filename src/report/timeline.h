#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/trace.h"
#include "report/chart.h"

namespace isthmus {

struct TimelineOptions {
  std::string title = "What each machine did";
  // The frames drawn, by their place in the trace.
  std::size_t first = 0;
  std::size_t count = 4;
};

// Who worked when: a row per machine, a box per span with the frame's number, one below the other
// where spans overlap; and above them a line per frame from capture to output.
Svg draw_timeline(const Trace& trace, const TimelineOptions& options = {});

// The kinds of spans that the trace has, with the colors of draw_timeline.
std::vector<LegendEntry> timeline_legend(const Trace& trace);

// What is to be added to a machine's times to have them on the source's clock, by machine. Each
// span lies between its frame's capture and output; of the offsets that make it so for all frames,
// 0 if it is among them (machines that share a clock), else the middle. `uncertainty` is half the
// width of that range.
struct ClockOffset {
  Seconds offset{0};
  Seconds uncertainty{0};
};
std::map<std::string, ClockOffset> align_clocks(const Trace& trace);

}  // namespace isthmus
