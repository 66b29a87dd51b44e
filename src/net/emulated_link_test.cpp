#include "net/emulated_link.h"

#include <gtest/gtest.h>

#include <future>

#include "core/error.h"

namespace isthmus {
namespace {

// No headers, so that the numbers are round.
LinkProfile radio() {
  return {.name = "radio",
          .bandwidth = 8e6,
          .latency = Seconds{0.01},
          .headers = {1448, 0},
          .trace = nullptr};
}

TEST(EmulatedLink, DeliversOneLatencyAfterTheTimeOnAir) {
  ManualClock clock;
  EmulatedLink link(radio(), clock, 1);
  std::promise<double> arrived;
  const auto passage = link.send(500'000, [&] { arrived.set_value(clock.now().count()); });
  EXPECT_DOUBLE_EQ(passage.left.count(), 0.5);
  EXPECT_DOUBLE_EQ(passage.arrives.count(), 0.51);
  EXPECT_GE(arrived.get_future().get(), 0.51 - 1e-9);
}

TEST(EmulatedLink, KeepsTheSenderForTheTimeOnAirOnly) {
  ManualClock clock;
  EmulatedLink link(
      LinkProfile{
          .bandwidth = 8e6, .latency = Seconds{1000}, .headers = {1448, 0}, .trace = nullptr},
      clock, 1);
  link.cut(true);
  link.send_and_wait(500'000, [] {});
  EXPECT_GE(clock.now().count(), 0.5);
}

TEST(EmulatedLink, CarriesOneMessageAtATime) {
  ManualClock clock;
  EmulatedLink link(radio(), clock, 1);
  link.cut(true);
  EXPECT_DOUBLE_EQ(link.send(500'000, [] {}).left.count(), 0.5);
  EXPECT_GE(link.send(500'000, [] {}).left.count(), 1.0 - 1e-9);
  EXPECT_EQ(link.count().messages, 2);
  EXPECT_EQ(link.count().message_bytes, 1'000'000);
}

TEST(EmulatedLink, CountsHeadersOnAir) {
  ManualClock clock;
  EmulatedLink link({}, clock, 1);
  link.send(10'028, [] {});
  EXPECT_EQ(link.count().on_air_bytes, bytes_on_air(10'028, {}));
  EXPECT_GT(link.count().on_air_bytes, 10'028);
}

TEST(EmulatedLink, UnshapedItDeliversOnTheCallersThread) {
  ManualClock clock;
  EmulatedLink link({}, clock, 1);
  bool delivered = false;
  link.send(1'000'000'000, [&] { delivered = true; });
  EXPECT_TRUE(delivered);
  EXPECT_EQ(clock.now().count(), 0);
}

TEST(EmulatedLink, ACutLinkSwallows) {
  ManualClock clock;
  EmulatedLink link({}, clock, 1);
  int delivered = 0;
  link.cut(true);
  link.send(1, [&] { ++delivered; });
  link.cut(false);
  link.send(1, [&] { ++delivered; });
  EXPECT_EQ(delivered, 1);
}

TEST(EmulatedLink, EndsWithMessagesOnTheirWay) {
  ManualClock clock;
  EmulatedLink link(
      LinkProfile{.bandwidth = 8, .latency = Seconds{1e7}, .headers = {1448, 0}, .trace = nullptr},
      clock, 1);
  link.send(1000, [] { FAIL(); });
}

}  // namespace
}  // namespace isthmus
