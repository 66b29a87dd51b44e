#include "plan/waiting.h"

#include <gtest/gtest.h>

#include "plan/tiny_plans.h"

namespace isthmus {
namespace {

constexpr std::string_view kEdge = "first:y->then:x";

TinyPlans two_parts() {
  TinyPlans tiny;
  tiny.part("first", {"a"}, 1);
  tiny.part("then", {"b"}, 1);
  tiny.edge("input:x->first:x", 1);
  tiny.edge(std::string(kEdge), 1);
  tiny.edge("then:y->answer:y", 1);
  return tiny;
}

// "first" from 0 to 1, its message of 100 bytes from `sent` to `sent` + 1, "then" from 5 to 6.
FrameRecord frame(double sent) {
  FrameRecord frame;
  frame.spans = {{SpanKind::kRun, "a", "first", Seconds{0}, Seconds{1}},
                 {SpanKind::kSend, "a", kEdge, Seconds{sent}, Seconds{1}},
                 {SpanKind::kQueue, "b", "then", Seconds{sent + 1}, Seconds{4 - sent}},
                 {SpanKind::kRun, "b", "then", Seconds{5}, Seconds{1}}};
  frame.bytes = {{kEdge, 100, 120}};
  return frame;
}

TEST(MostWaiting, IsWhatWaitsAtBothEndsOfALink) {
  const TinyPlans tiny = two_parts();
  Trace trace;
  trace.frames = {frame(1), frame(2), frame(4)};
  const WaitingBytes most = most_waiting(trace, tiny.plan);
  // Of the first machine until it has arrived: from 1 to 2, to 3 and to 5.
  EXPECT_EQ(most.at("a"), 300);
  // Of the second from when it is sent.
  EXPECT_EQ(most.at("b"), 300);
  trace.frames = {frame(2)};
  // It ran at 5 and was done at 6; another is sent then.
  FrameRecord later = frame(6);
  later.spans.back().start = Seconds{8};
  later.spans.front().start = Seconds{5};
  trace.frames.push_back(later);
  EXPECT_EQ(most_waiting(trace, tiny.plan).at("b"), 100);
  EXPECT_EQ(most_waiting(trace, tiny.plan).at("a"), 100);
}

TEST(MostWaiting, IsNothingWhereNothingCrosses) {
  const TinyPlans tiny = two_parts();
  Trace trace;
  trace.frames = {frame(1)};
  trace.frames[0].bytes.clear();
  EXPECT_TRUE(most_waiting(trace, tiny.plan).empty());
}

// On a link that is not shaped there is no span of sending.
TEST(MostWaiting, GoesByTheRunsWhereALinkTakesNoTime) {
  const TinyPlans tiny = two_parts();
  Trace trace;
  trace.frames = {frame(1)};
  std::erase_if(trace.frames[0].spans,
                [](const Span& span) { return span.kind == SpanKind::kSend; });
  const WaitingBytes most = most_waiting(trace, tiny.plan);
  // It is at the second as soon as it is made.
  EXPECT_FALSE(most.contains("a") && most.at("a") > 0);
  EXPECT_EQ(most.at("b"), 100);
}

// An answer comes back by the way that the frame took.
TEST(MostWaiting, CountsTheMachinesByWhichAnAnswerGoesBack) {
  const TinyPlans tiny = two_parts();
  FrameRecord answered = frame(1);
  const std::string answer = "then:y->answer:y";
  answered.spans.push_back({SpanKind::kSend, "b", answer, Seconds{6}, Seconds{2}});
  answered.spans.push_back({SpanKind::kSend, "a", answer, Seconds{8}, Seconds{2}});
  answered.bytes = {{answer, 50, 60}, {answer, 50, 60}};
  Trace trace;
  trace.frames = {answered};
  const WaitingBytes most = most_waiting(trace, tiny.plan);
  EXPECT_EQ(most.at("a"), 50);
  EXPECT_EQ(most.at("b"), 50);
}

}  // namespace
}  // namespace isthmus
