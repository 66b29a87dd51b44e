#include "report/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isthmus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Span run_on(const char* machine, double start, double duration) {
  return {SpanKind::kRun, machine, "part", Seconds{start}, Seconds{duration}};
}

// Frames that run 10 ms on the camera and then 10 ms on a server whose clock is `ahead`.
Trace two_machines(double ahead) {
  Trace trace;
  for (std::uint32_t i = 0; i < 3; ++i) {
    const double begin = 0.1 * i;
    FrameRecord frame;
    frame.key.frame = i;
    frame.captured = Seconds{begin};
    frame.capture_to_output = Seconds{0.03};
    frame.spans = {run_on("camera", begin, 0.01), run_on("server", ahead + begin + 0.015, 0.01)};
    trace.frames.push_back(frame);
  }
  return trace;
}

TEST(AlignClocks, LeavesASharedClockAlone) {
  const auto offsets = align_clocks(two_machines(0));
  EXPECT_EQ(offsets.at("server").offset.count(), 0);
  EXPECT_EQ(offsets.at("camera").offset.count(), 0);
}

TEST(AlignClocks, FindsAnotherClockWithinItsUncertainty) {
  const auto server = align_clocks(two_machines(1000)).at("server");
  EXPECT_NEAR(server.offset.count(), -1000, server.uncertainty.count() + 1e-9);
  // 30 ms from capture to output, 10 ms of them in the span.
  EXPECT_NEAR(server.uncertainty.count(), 0.01, 1e-9);
}

TEST(Timeline, ShowsTheFramesThatAreAskedFor) {
  const Svg picture = draw_timeline(two_machines(0), {.first = 1, .count = 1});
  EXPECT_THAT(picture.body, HasSubstr("frame 1, run part: 10.0 ms"));
  EXPECT_THAT(picture.body, Not(HasSubstr("frame 0")));
  EXPECT_THAT(picture.body, Not(HasSubstr("frame 2")));
}

TEST(Timeline, IsTallerWhereSpansOverlap) {
  Trace apart = two_machines(0), together = apart;
  for (FrameRecord& frame : together.frames) {
    frame.captured = Seconds{0};
    frame.spans = {run_on("camera", 0, 0.01), run_on("server", 0.015, 0.01)};
  }
  EXPECT_GT(draw_timeline(together).height, draw_timeline(apart).height);
}

TEST(Timeline, OfAnEmptyTraceIsEmpty) {
  EXPECT_THAT(draw_timeline(Trace{}).body, Not(HasSubstr("nan")));
  EXPECT_TRUE(timeline_legend(Trace{}).empty());
}

}  // namespace
}  // namespace isthmus
