#include "core/trace.h"

#include <gtest/gtest.h>

#include "core/json.h"

namespace isthmus {
namespace {

Trace example() {
  return {.origin = "runtime",
          .plan = "split",
          .frames = {{.key = {.source = 1, .frame = 70'000, .attempt = 2, .epoch = 3},
                      .outcome = Outcome::kAnsweredLocally,
                      .plan = "local",
                      .reason = "edge is dead",
                      .captured = Seconds{1.5},
                      .capture_to_output = Seconds{0.1},
                      .spans = {{.kind = SpanKind::kQueue,
                                 .machine = "camera",
                                 .what = "head",
                                 .start = Seconds{1.6},
                                 .duration = Seconds{0.02}}},
                      .bytes = {{.edge = "head:x->tail:x", .message = 1000, .on_air = 1080}},
                      .label = 4,
                      .truth = 5,
                      .missing = {"tail:y"}},
                     {}},
          .events = {
              {.time = Seconds{2}, .kind = "dead", .machine = "edge", .detail = "no heartbeat"}}};
}

TEST(Trace, IsTheSameAfterARoundTrip) {
  const Json written = to_json(example());
  const Trace read = trace_from_json(parse_document(written.dump(), "trace.json"), "trace.json");
  EXPECT_EQ(to_json(read), written);
  ASSERT_EQ(read.frames.size(), 2U);
  EXPECT_EQ(read.frames[0].key, (FrameKey{1, 70'000, 2, 3}));
  EXPECT_EQ(read.frames[0].capture_to_output, Seconds{0.1});
  EXPECT_EQ(read.frames[0].spans[0].kind, SpanKind::kQueue);
  EXPECT_EQ(read.events[0].detail, "no heartbeat");
}

TEST(Trace, RefusesOtherVersionsAndCountersThatDoNotFit) {
  Json other = to_json(example());
  other["schema"] = "isthmus.trace/2";
  EXPECT_THROW(trace_from_json(other, "trace.json"), Error);

  Json large = to_json(example());
  large["frames"][0]["attempt"] = 256;
  try {
    trace_from_json(large, "trace.json");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "trace.json: frames[0].attempt must be from 0 to 255: 256");
  }
}

TEST(Trace, NamesEveryKindAndOutcome) {
  for (const auto kind : {SpanKind::kPrepare, SpanKind::kQueue, SpanKind::kRun, SpanKind::kEncode,
                          SpanKind::kDecode, SpanKind::kSend})
    EXPECT_EQ(span_kind_from_string(to_string(kind)), kind);
  for (const auto outcome :
       {Outcome::kAnswered, Outcome::kAnsweredLocally, Outcome::kDropped, Outcome::kLost})
    EXPECT_EQ(outcome_from_string(to_string(outcome)), outcome);
  EXPECT_THROW(outcome_from_string("answred"), Error);
}

}  // namespace
}  // namespace isthmus
