#include "report/lab_gain.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace isthmus {
namespace {

// Times in milliseconds of local, raw and the split, by rate in Mb/s.
LabResults results_over(const std::vector<std::array<double, 4>>& times) {
  LabResults results;
  results.networks = {{.name = "net"}};
  for (const auto& [rate, local, raw, split] : times) {
    const std::string link = std::to_string(rate);
    results.links.push_back({.name = link, .bandwidth = 1e6 * rate, .latency_ms = 2});
    const auto add = [&](const char* strategy, double ms) {
      results.rows.push_back({.network = "net", .link = link, .strategy = strategy, .p50_ms = ms});
    };
    add("local", local);
    add("raw", raw);
    add("student:hnd-3ch", split);
  }
  return results;
}

TEST(GainCurves, SetTheSplitAgainstEachOtherWayByRate) {
  // Listed from fast to slow: curves sort by rate.
  const auto curves = gain_curves(
      results_over({{100, 200, 50, 100}, {10, 200, 200, 100}, {1, 200, 800, 400}}), "net");
  ASSERT_EQ(curves.size(), 2U);
  EXPECT_EQ(curves[0].other, "local");
  EXPECT_EQ(curves[1].other, "raw");
  EXPECT_EQ(curves[1].points.front().rate, 1e6);
  EXPECT_DOUBLE_EQ(curves[1].points.front().gain, 2);
  EXPECT_DOUBLE_EQ(curves[1].points.back().gain, 0.5);
}

TEST(GainCurves, CrossOneWhereTheLogarithmsDo) {
  const auto curves = gain_curves(
      results_over({{1, 200, 800, 400}, {10, 200, 200, 100}, {100, 200, 50, 100}}), "net");
  // Against local 0.5 -> 2, half way from 1 to 10 Mb/s; against raw 2 -> 0.5 from 10 to 100.
  ASSERT_EQ(curves[0].crossings.size(), 1U);
  EXPECT_NEAR(curves[0].crossings[0], 1e6 * std::sqrt(10), 1);
  ASSERT_EQ(curves[1].crossings.size(), 1U);
  EXPECT_NEAR(curves[1].crossings[0], 1e7 * std::sqrt(10), 10);
}

TEST(GainCurves, LeaveOutLinksThatHaveNoRateOfTheirOwn) {
  LabResults results = results_over({{1, 200, 800, 400}, {10, 200, 200, 100}, {100, 200, 50, 100}});
  results.links[0].recorded = true;
  EXPECT_TRUE(gain_curves(results, "net").empty());
  results.links[0].recorded = false;
  results.links[1].loss = 0.02;
  EXPECT_TRUE(gain_curves(results, "net").empty());
  results.links[1].loss = 0;
  results.links[2].latency_ms = 25;
  EXPECT_TRUE(gain_curves(results, "net").empty());
}

TEST(GainTable, SaysWhereBothAreEquallyFast) {
  const Table table = gain_table(
      results_over({{0.1, 200, 8000, 400}, {1, 200, 800, 100}, {10, 200, 200, 100}}), "net");
  const std::string text = to_markdown(table);
  EXPECT_NE(text.find("| local | 0.5 | 2 | 2 | 316 kb/s |"), std::string::npos) << text;
  EXPECT_NE(text.find("| raw | 20 | 8 | 2 | faster at all rates |"), std::string::npos) << text;
}

TEST(GainTable, HasRecordedLinksToo) {
  LabResults results = results_over({{1, 200, 800, 400}});
  results.links[0].recorded = true;
  const std::string text = to_markdown(gain_table(results, "net"));
  EXPECT_NE(text.find("| raw | 2 |  |"), std::string::npos) << text;
}

}  // namespace
}  // namespace isthmus
