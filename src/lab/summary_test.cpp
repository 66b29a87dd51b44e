#include "lab/summary.h"

#include <gtest/gtest.h>

namespace isthmus {
namespace {

FrameRecord frame(double total_ms, double head_ms, double tail_ms) {
  FrameRecord record;
  record.capture_to_output = Seconds{total_ms / 1e3};
  record.spans = {{SpanKind::kRun, "camera", "head", Seconds{0}, Seconds{head_ms / 1e3}},
                  {SpanKind::kRun, "server", "tail", Seconds{0}, Seconds{tail_ms / 1e3}}};
  record.bytes = {{"head:x->tail:x", 1000, 1052}, {"tail:y->answer:y", 60, 112}};
  record.truth = record.label = 1;
  return record;
}

TEST(Summary, TellsTheTimeOfEachMachineFromTheNetworks) {
  Trace trace;
  trace.frames = {frame(100, 20, 5), frame(100, 20, 5)};
  const RunSummary summary = summarise(trace, {.name = "camera"});
  EXPECT_DOUBLE_EQ(summary.p50_ms, 100);
  EXPECT_NEAR(summary.spans.at("head"), 20, 1e-9);
  EXPECT_NEAR(summary.spans.at("tail"), 5, 1e-9);
  EXPECT_NEAR(summary.spans.at("network"), 75, 1e-9);
}

TEST(Summary, CountsAnswersASecond) {
  Trace trace;
  for (int i = 0; i < 5; ++i) {
    trace.frames.push_back(frame(100, 20, 5));
    trace.frames.back().captured = Seconds{0.25 * i};
  }
  EXPECT_NEAR(summarise(trace, {.name = "camera"}).throughput, 4, 1e-9);
}

TEST(Summary, KeepsWhatIsSentApartFromWhatComesBack) {
  Trace trace;
  trace.frames = {frame(100, 20, 5)};
  const RunSummary summary = summarise(trace, {.name = "camera"});
  EXPECT_EQ(summary.bytes_per_frame, 1000);
  EXPECT_EQ(summary.on_air_bytes, 1052);
  EXPECT_EQ(summary.answer_bytes, 60);
}

TEST(Summary, CountsFramesByWhatBecameOfThem) {
  Trace trace;
  trace.frames = {frame(10, 1, 1), frame(10, 1, 1), frame(10, 1, 1), frame(10, 1, 1)};
  trace.frames[1].outcome = Outcome::kAnsweredLocally;
  trace.frames[2].outcome = Outcome::kDropped;
  trace.frames[3].outcome = Outcome::kLost;
  trace.frames[1].label = 0;
  const RunSummary summary = summarise(trace, {.name = "camera"});
  EXPECT_EQ(summary.answered, 2);
  EXPECT_EQ(summary.local_answers, 1);
  EXPECT_EQ(summary.dropped, 1);
  EXPECT_EQ(summary.lost, 1);
  EXPECT_EQ(summary.hits, 1);
  EXPECT_EQ(summary.known, 2);
}

TEST(Summary, OfNoFramesIsEmpty) { EXPECT_EQ(summarise({}, {.name = "camera"}).frames, 0); }

}  // namespace
}  // namespace isthmus
