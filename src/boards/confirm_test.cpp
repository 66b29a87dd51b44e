#include "boards/confirm.h"

#include <gtest/gtest.h>

namespace isthmus {
namespace {

// Of one frame: what "first" on pi1 and "then" on pi2 took.
Trace trace_of(double first, double then) {
  FrameRecord frame;
  frame.spans = {{SpanKind::kRun, "pi1", "first", Seconds{0}, Seconds{first}},
                 {SpanKind::kQueue, "pi2", "then", Seconds{0}, Seconds{5}},
                 {SpanKind::kRun, "pi2", "then", Seconds{0}, Seconds{then}}};
  Trace trace;
  trace.frames = {frame, frame};
  return trace;
}

TEST(Disturbance, IsThePartThatTookMuchLongerThanMeasured) {
  EXPECT_EQ(disturbance_between(trace_of(1, 2), trace_of(1.1, 2)), "");
  EXPECT_EQ(disturbance_between(trace_of(1, 2), trace_of(1.2, 3.7)).substr(0, 40),
            "then took 1.85 times as long on pi2 as w");
  EXPECT_EQ(disturbance_between(trace_of(1, 2), trace_of(0.5, 2)).substr(0, 24),
            "first took 0.50 times as");
}

TEST(Disturbance, IsNotSeenInShortRuns) {
  EXPECT_EQ(disturbance_between(trace_of(0.001, 2), trace_of(0.002, 2)), "");
}

}  // namespace
}  // namespace isthmus
