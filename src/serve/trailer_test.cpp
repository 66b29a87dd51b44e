#include "serve/trailer.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace isthmus {
namespace {

FlowMessage message_of(std::size_t payload) {
  return {.header = {.type = FrameType::kAnswer, .key = {}},
          .payload = Payload(std::vector<std::byte>(payload, std::byte{7})),
          .trailer = {}};
}

// As the receiver sees it: payload and trailer in one piece.
FlowMessage received(const FlowMessage& sent) {
  std::vector<std::byte> bytes(sent.payload.bytes().begin(), sent.payload.bytes().end());
  bytes.insert(bytes.end(), sent.trailer.begin(), sent.trailer.end());
  return {.header = sent.header, .payload = Payload(std::move(bytes)), .trailer = {}};
}

TEST(Trailer, ComesBackAsItWasPutOn) {
  const Trailer trailer{.spans = {{SpanKind::kRun, 3, 2, Seconds{1.5}, Seconds{0.0123456}},
                                  {SpanKind::kSend, 0, 9, Seconds{0}, Seconds{2}}},
                        .bytes = {{4, 602'112, 625'000}},
                        .missing = {7}};
  FlowMessage message = message_of(5);
  put_trailer(message, trailer);
  FlowMessage back = received(message);
  const Trailer read = take_trailer(back);
  EXPECT_EQ(back.payload.size(), 5u);
  EXPECT_EQ(back.header.flags & kFlagTrailer, 0);
  ASSERT_EQ(read.spans.size(), 2u);
  EXPECT_EQ(read.spans[0].kind, SpanKind::kRun);
  EXPECT_EQ(read.spans[0].machine, 3);
  EXPECT_NEAR(read.spans[0].duration.count(), 0.0123456, 1e-7);
  EXPECT_NEAR(read.spans[0].start.count(), 1.5, 1e-5);
  ASSERT_EQ(read.bytes.size(), 1u);
  EXPECT_EQ(read.bytes[0].on_air, 625'000);
  EXPECT_EQ(read.missing, (std::vector<std::uint16_t>{7}));
}

TEST(Trailer, IsAbsentWithoutTheFlag) {
  FlowMessage message = message_of(5);
  EXPECT_TRUE(take_trailer(message).spans.empty());
  EXPECT_EQ(message.payload.size(), 5u);
}

TEST(Trailer, RefusesWhatNobodyWrote) {
  Trailer trailer;
  trailer.spans.push_back({});
  for (std::size_t at = 0; at < 14; ++at) {
    FlowMessage message = message_of(0);
    put_trailer(message, trailer);
    message.trailer[at] = std::byte{0xee};
    FlowMessage back = received(message);
    // Either it is refused or it is read within bounds; a wrong size or tag is refused.
    if (at == 0 || at >= 13) {
      EXPECT_THROW(take_trailer(back), Error) << at;
    }
  }
  FlowMessage empty = message_of(1);
  empty.header.flags = kFlagTrailer;
  EXPECT_THROW(take_trailer(empty), Error);
}

}  // namespace
}  // namespace isthmus
