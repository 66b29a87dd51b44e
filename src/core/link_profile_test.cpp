#include "core/link_profile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/file.h"
#include "core/json.h"

namespace isthmus {
namespace {

// No headers, so that bytes are bytes.
LinkProfile bare(double bandwidth, double latency) {
  return {.name = "bare",
          .bandwidth = bandwidth,
          .latency = Seconds{latency},
          .headers = {.segment_bytes = 1000, .header_bytes = 0}};
}

LinkProfile played(std::vector<std::uint32_t> opportunities_ms) {
  LinkProfile link = bare(1, 0);
  link.trace = std::make_shared<const LinkTrace>(LinkTrace{"test", std::move(opportunities_ms)});
  return link;
}

TEST(BytesOnAir, CountsTheHeadersOfEachSegment) {
  struct Case {
    std::int64_t message, expected;
  };
  for (const Case& c : {Case{0, 52}, {1, 53}, {1448, 1500}, {1449, 1449 + 104}, {14480, 15000}}) {
    SCOPED_TRACE(c.message);
    EXPECT_EQ(bytes_on_air(c.message, HeaderModel{}), c.expected);
  }
}

TEST(LinkTimeline, IsRateAndLatencyForOneMessage) {
  LinkTimeline link(bare(8e6, 0.01), 1);
  const auto passage = link.send(Seconds{2}, 500'000);
  EXPECT_DOUBLE_EQ(passage.start.count(), 2);
  EXPECT_DOUBLE_EQ(passage.left.count(), 2.5);
  EXPECT_DOUBLE_EQ(passage.arrives.count(), 2.51);
  EXPECT_EQ(passage.on_air, 500'000);
}

TEST(LinkTimeline, SendsOneMessageAfterTheOtherAndDoesNotWaitForTheLatency) {
  LinkTimeline link(bare(8e6, 1), 1);
  link.send(Seconds{0}, 1'000'000);
  const auto second = link.send(Seconds{0.5}, 1'000'000);
  EXPECT_DOUBLE_EQ(second.start.count(), 1);
  EXPECT_DOUBLE_EQ(second.left.count(), 2);
  EXPECT_DOUBLE_EQ(second.arrives.count(), 3);
  const auto idle = link.send(Seconds{5}, 1'000'000);
  EXPECT_DOUBLE_EQ(idle.start.count(), 5);
}

TEST(LinkTimeline, TakesNoTimeUnshaped) {
  LinkTimeline link(LinkProfile{}, 1);
  EXPECT_DOUBLE_EQ(link.send(Seconds{3}, 1 << 30).arrives.count(), 3);
}

// 1500 bytes at 10, 20, 20 and 40 ms; then again at 50, 60, 60, 80.
TEST(LinkTimeline, LeavesWithTheOpportunityOfItsLastByte) {
  struct Case {
    double start_ms;
    std::int64_t bytes;
    double left_ms;
  };
  for (const Case& c : {Case{0, 1, 10},
                        {0, 1500, 10},
                        {0, 1501, 20},
                        {0, 4500, 20},
                        {0, 4501, 40},
                        {0, 6001, 50},
                        {0, 13 * 1500, 130},
                        {0, 16 * 1500, 160}}) {
    SCOPED_TRACE(c.bytes);
    LinkTimeline link(played({10, 20, 20, 40}), 1);
    EXPECT_NEAR(link.send(Seconds{0}, c.bytes).left.count() * 1e3, c.left_ms, 1e-9);
  }
}

TEST(LinkTimeline, PlaysTheTraceFromTheFirstMessageWhateverTheClock) {
  for (const double origin : {0.0, 123456.789, 1e6 / 3}) {
    SCOPED_TRACE(origin);
    LinkTimeline link(played({10, 20, 20, 40}), 1);
    link.send(Seconds{origin}, 1);
    const auto later = link.send(Seconds{origin + 0.020}, 1500);
    EXPECT_NEAR(later.left.count() - origin, 0.020, 1e-9);
    const auto next_loop = link.send(Seconds{origin + 0.0401}, 1500);
    EXPECT_NEAR(next_loop.left.count() - origin, 0.050, 1e-9);
  }
}

TEST(LinkTimeline, StartsInTheTraceWhereTold) {
  LinkProfile link = played({10, 20, 20, 40});
  link.trace_start = Seconds{0.015};
  EXPECT_NEAR(LinkTimeline(link, 1).send(Seconds{7}, 1).left.count(), 7.005, 1e-9);
  link.trace_start = Seconds{0.135};  // Fourth loop, 15 ms.
  EXPECT_NEAR(LinkTimeline(link, 1).send(Seconds{7}, 1).left.count(), 7.005, 1e-9);
}

TEST(LinkTimeline, GivesTheRestOfAnOpportunityToTheMessageThatWaits) {
  LinkTimeline link(played({10, 20, 30}), 1);
  EXPECT_NEAR(link.send(Seconds{0}, 500).left.count(), 0.010, 1e-9);
  EXPECT_NEAR(link.send(Seconds{0}, 1000).left.count(), 0.010, 1e-9);
  EXPECT_NEAR(link.send(Seconds{0}, 1).left.count(), 0.020, 1e-9);
}

TEST(LinkTimeline, WastesTheRestOfAnOpportunityWhenNothingWaits) {
  LinkTimeline link(played({10, 20, 30}), 1);
  EXPECT_NEAR(link.send(Seconds{0}, 500).left.count(), 0.010, 1e-9);
  EXPECT_NEAR(link.send(Seconds{0.011}, 1).left.count(), 0.020, 1e-9);
}

TEST(LinkTimeline, CarriesTheMeanRateOfALongTrace) {
  LinkProfile profile = played({3, 7, 7, 19, 20});
  LinkTimeline link(profile, 1);
  double left = 0;
  for (int i = 0; i < 1000; ++i) left = link.send(Seconds{0}, 7300).left.count();
  EXPECT_NEAR(8 * 7300e3 / left, mean_bandwidth(*profile.trace),
              1e-3 * mean_bandwidth(*profile.trace));
}

TEST(LinkTimeline, ShowsLossAsDelay) {
  LinkProfile profile = bare(8e6, 0.01);
  profile.loss = 0.25;
  LinkTimeline link(profile, 7);
  // 4000 segments of 1 ms: the mean number of sendings of one is 1 / (1 - loss).
  const auto passage = link.send(Seconds{0}, 4'000'000);
  EXPECT_NEAR(passage.left.count(), 4 / 0.75, 0.1);
  const double rounds = (passage.arrives - passage.left).count() / 0.02 - 0.5;
  EXPECT_NEAR(rounds, std::round(rounds), 1e-6);
  EXPECT_GE(rounds, 3);  // 4000 x 0.25^rounds falls below one after six.
  EXPECT_LE(rounds, 12);
}

TEST(LinkTimeline, LosesTheSameForTheSameSeed) {
  LinkProfile profile = bare(8e6, 0.01);
  profile.loss = 0.1;
  const auto arrivals = [&](std::uint64_t seed) {
    LinkTimeline link(profile, seed);
    std::vector<double> times;
    for (int i = 0; i < 50; ++i)
      times.push_back(link.send(Seconds{0.01 * i}, 3000).arrives.count());
    return times;
  };
  EXPECT_EQ(arrivals(1), arrivals(1));
  EXPECT_NE(arrivals(1), arrivals(2));
}

TEST(LinkTimeline, KeepsTheOrderOfMessages) {
  LinkProfile profile = bare(8e6, 0.1);
  profile.loss = 0.3;
  LinkTimeline link(profile, 3);
  double before = 0;
  for (int i = 0; i < 200; ++i) {
    const double arrives = link.send(Seconds{0.002 * i}, 1000).arrives.count();
    EXPECT_GE(arrives, before);
    before = arrives;
  }
}

TEST(CheckLink, RefusesTheImpossible) {
  for (const LinkProfile& bad :
       {LinkProfile{.bandwidth = 0}, LinkProfile{.bandwidth = NAN},
        LinkProfile{.latency = Seconds{-1}}, LinkProfile{.latency = Seconds{NAN}},
        LinkProfile{.loss = 1}, LinkProfile{.loss = -0.1}, LinkProfile{.loss = NAN},
        LinkProfile{.headers = {.segment_bytes = 0}}})
    EXPECT_THROW(LinkTimeline(bad, 1), Error);
}

TEST(LinkPreset, KnowsRatesAndLatencies) {
  struct Case {
    const char* name;
    double bandwidth, latency;
  };
  for (const Case& c : {Case{"lora", 37.5e3, 0.05},
                        {"wifi-5", 5e6, 0.002},
                        {"wifi-1", 1e6, 0.002},
                        {"wifi-20", 20e6, 0.002},
                        {"wifi-100", 100e6, 0.002},
                        {"ethernet-94", 94.1e6, 0.0004},
                        {"3Mbit,20ms", 3e6, 0.02},
                        {"250kbit", 250e3, 0},
                        {"1.5Mb/s,300us", 1.5e6, 300e-6}}) {
    SCOPED_TRACE(c.name);
    const LinkProfile link = link_preset(c.name);
    EXPECT_DOUBLE_EQ(link.bandwidth, c.bandwidth);
    EXPECT_DOUBLE_EQ(link.latency.count(), c.latency);
    EXPECT_TRUE(is_shaped(link));
  }
  EXPECT_FALSE(is_shaped(link_preset("local")));
}

TEST(LinkPreset, RefusesUnknownNames) {
  for (const char* name :
       {"wifi-50", "", "3", "3Mbit,20", "3Mbit,20ms,1", "0Mbit", "-1Mbit", "1Mbit,-2ms"}) {
    SCOPED_TRACE(name);
    EXPECT_THROW(link_preset(name), Error);
  }
  try {
    link_preset("wifi-101");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
    EXPECT_NE(std::string(error.what()).find("wifi-100"), std::string::npos) << error.what();
  }
}

TEST(LinkPreset, PlaysRecordedLte) {
  if (!std::filesystem::exists(data_folder() / "traces/Verizon-LTE-short.up"))
    GTEST_SKIP() << "no traces in " << data_folder();
  EXPECT_NEAR(mean_bandwidth(link_preset("lte")), 5.95e6, 0.01e6);
  EXPECT_NEAR(mean_bandwidth(link_preset("lte-poor")), 1.91e6, 0.01e6);
  EXPECT_EQ(to_json(link_preset("lte")), (Json{{"preset", "lte"}}));
}

TEST(ReadLinkTrace, NamesTheBadLine) {
  const TemporaryFolder folder;
  struct Case {
    const char* text;
    const char* line;
  };
  for (const Case& c : {Case{"1\n2\nx\n", ":3:"},
                        {"5\n4\n", ":2:"},
                        {"", ":1:"},
                        {"0\n0\n", ":3:"},
                        {"1\n-2\n", ":2:"},
                        {"1\n2 3\n", ":2:"},
                        {"99999999999\n", ":1:"}}) {
    SCOPED_TRACE(c.text);
    write_file(folder.path() / "t", c.text);
    try {
      read_link_trace(folder.path() / "t");
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(c.line), std::string::npos) << error.what();
    }
  }
  write_file(folder.path() / "t", "1\r\n2\r\n2");
  EXPECT_EQ(read_link_trace(folder.path() / "t").opportunities_ms,
            (std::vector<std::uint32_t>{1, 2, 2}));
}

TEST(LinkJson, GoesThereAndBack) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a.up", "1\n2\n");
  for (const char* text :
       {R"({"preset": "wifi-20"})", R"("lora")", R"({"preset": "lora", "loss": 0.25})",
        R"({"bandwidth": 3e6, "latency_ms": 4.5, "loss": 0.5})", R"({"bandwidth": "3Mbit"})", "{}",
        R"({"trace": "a.up", "latency_ms": 25, "trace_start_ms": 1})",
        R"({"segment_bytes": 9, "header_bytes": 1})"}) {
    SCOPED_TRACE(text);
    const LinkProfile link = link_from_json(Json::parse(text), "test", folder.path());
    const Json written = to_json(link);
    const LinkProfile again = link_from_json(written, "test", "/");
    EXPECT_EQ(to_json(again), written);
    EXPECT_EQ(again.bandwidth, link.bandwidth);
    EXPECT_EQ(again.latency, link.latency);
    EXPECT_EQ(again.loss, link.loss);
    EXPECT_EQ(again.headers, link.headers);
    EXPECT_EQ(again.trace == nullptr, link.trace == nullptr);
  }
}

TEST(LinkJson, RefusesWhatIsWrong) {
  for (const char* text :
       {R"({"bandwidth": 0})", R"({"bandwidth": "fast"})", R"({"band": 1})", R"({"loss": 1})",
        R"({"preset": "wifi"})", R"({"trace": "missing.up"})", "3"}) {
    SCOPED_TRACE(text);
    EXPECT_THROW(link_from_json(Json::parse(text), "test", "/nonexistent"), Error);
  }
}

TEST(TimeOnAir, IsThatOfThePassage) {
  for (const char* name : {"wifi-5", "lora", "ethernet-94"}) {
    const LinkProfile link = link_preset(name);
    const auto passage = LinkTimeline(link, 1).send(Seconds{0}, 5000);
    EXPECT_DOUBLE_EQ(time_on_air(link, 5000).count(), passage.left.count()) << name;
  }
  EXPECT_EQ(time_on_air({}, 5000), Seconds{0});
}

TEST(ReceiverTimeline, TakesInOneMessageAtATime) {
  ReceiverTimeline receiver;
  // Three machines whose messages of a second arrive at once.
  EXPECT_EQ(receiver.receive(Seconds{5}, Seconds{1}), Seconds{5});
  EXPECT_EQ(receiver.receive(Seconds{5}, Seconds{1}), Seconds{6});
  EXPECT_EQ(receiver.receive(Seconds{5}, Seconds{1}), Seconds{7});
  // Of one machine nothing waits.
  EXPECT_EQ(receiver.receive(Seconds{8}, Seconds{1}), Seconds{8});
  EXPECT_EQ(receiver.receive(Seconds{20}, Seconds{1}), Seconds{20});
}

}  // namespace
}  // namespace isthmus
