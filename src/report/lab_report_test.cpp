#include "report/lab_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "report/lab_charts.h"

namespace isthmus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

ResultRow row_of(const char* link, const char* strategy, double p50, double bytes) {
  return {.network = "net",
          .link = link,
          .strategy = strategy,
          .top1 = 0.9,
          .images = 100,
          .interval = {0.82, 0.95},
          .bytes_per_frame = bytes,
          .p50_ms = p50,
          .p95_ms = 1.2 * p50,
          .spans = {{"head", 0.5 * p50}, {"network", 0.5 * p50}}};
}

LabResults sample() {
  LabResults results;
  results.title = "Sample";
  results.command = "isthmus lab <scenario>";
  results.networks = {{.name = "net", .dataset = "signs", .images = 100, .synthetic = true}};
  results.rows = {row_of("lora", "local", 100, 0), row_of("lora", "jpeg:75", 700, 2000),
                  row_of("wifi", "local", 100, 0), row_of("wifi", "jpeg:75", 20, 2000)};
  results.rows[1].mode = "virtual";
  results.winners = {{"net", "lora", "local", "latency", "the link is slow"},
                     {"net", "wifi", "jpeg:75", "latency", "the link is <fast>"}};
  return results;
}

TEST(LabTable, MarksTheWinnerOfEachLink) {
  const LabResults results = sample();
  const Table table = lab_table(results, results.networks[0], LabColumns::kMain);
  std::vector<RowMark> marks;
  for (const Row& row : table.rows) marks.push_back(row.mark);
  EXPECT_THAT(marks, ElementsAre(RowMark::kBest, RowMark::kNone, RowMark::kNone, RowMark::kBest));
  EXPECT_THAT(table.title, HasSubstr("synthetic"));
}

TEST(LabTable, LeavesOutColumnsThatSayNothing) {
  LabResults results = sample();
  const auto has = [&](const char* title) {
    const Table table = lab_table(results, results.networks[0], LabColumns::kAll);
    for (const Column& column : table.columns)
      if (column.title == title) return true;
    return false;
  };
  EXPECT_TRUE(has("remarks"));
  EXPECT_FALSE(has("predicted"));
  EXPECT_FALSE(has("tail"));
  results.rows[1].mode = "real";
  results.rows[0].predicted_ms = 3;
  EXPECT_FALSE(has("remarks"));
  EXPECT_TRUE(has("predicted"));
}

TEST(WinnersTable, SaysWhy) {
  const std::string csv = to_csv(winners_table(sample()));
  EXPECT_THAT(csv, HasSubstr("net,wifi,latency,jpeg:75,20,the link is <fast>"));
}

TEST(LabReport, NeedsNoNetworkAndNoScript) {
  const std::string html = lab_report(sample());
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<link")));
  EXPECT_THAT(html, Not(HasSubstr("@import")));
  EXPECT_FALSE(std::regex_search(html, std::regex("(src|href)=\"(?!#)")));
}

TEST(LabReport, EscapesWhatTheResultsSay) {
  const std::string html = lab_report(sample());
  EXPECT_THAT(html, HasSubstr("the link is &lt;fast&gt;"));
  EXPECT_THAT(html, HasSubstr("isthmus lab &lt;scenario&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<fast>")));
}

// Every element that is opened is closed again, in order.
TEST(LabReport, IsWellFormed) {
  Trace trace;
  trace.frames.resize(1);
  trace.frames[0].spans = {{SpanKind::kRun, "camera", "head", Seconds{0}, Seconds{0.01}}};
  const std::string html = lab_report(sample(), {{"a run", trace}});
  static const std::regex tag("<(/?)([a-zA-Z0-9]+)([^<>]*?)(/?)>");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if (name == "meta" || (*it)[4] == "/") continue;
    if ((*it)[1] != "/") {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << name;
    ASSERT_EQ(open.back(), name) << html.substr(static_cast<std::size_t>(it->position()), 200);
    open.pop_back();
  }
  EXPECT_THAT(open, ElementsAre());
}

TEST(LabReport, OfNothingSaysSo) {
  LabResults results;
  results.networks = {{.name = "net"}};
  EXPECT_THAT(lab_report(results), HasSubstr("No rows."));
  EXPECT_THAT(lab_report(LabResults{}), HasSubstr("</html>"));
}

TEST(StrategyFamily, GoesByTheBeginningOfTheName) {
  EXPECT_NE(family_of("local").color, family_of("local-small").color);
  EXPECT_EQ(family_of("jpeg:75").color, family_of("jpeg:50").color);
  EXPECT_EQ(family_of("bottleneck-3").name, "other");
}

}  // namespace
}  // namespace isthmus
