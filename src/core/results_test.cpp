#include "core/results.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace isthmus {
namespace {

// The example of docs/formats/results.md.
Json documented_example() {
  const std::string page = read_file("docs/formats/results.md");
  const auto begin = page.find("```json") + 7;
  return parse_document(page.substr(begin, page.find("```", begin) - begin), "example");
}

TEST(LabResults, ReadTheDocumentedExample) {
  const LabResults results = results_from_json(documented_example(), "example");
  const ResultRow* row = results.find("resnet20", "wifi-5", "jpeg:75");
  ASSERT_NE(row, nullptr);
  EXPECT_DOUBLE_EQ(row->interval.high, 0.928);
  EXPECT_DOUBLE_EQ(row->spans.at("network"), 4.6);
  EXPECT_EQ(row->predicted_ms, 8.0);
  EXPECT_EQ(results.machine.versions.at("engine"), "1.21.0");
}

// So the page lists every field, and reading loses none.
TEST(LabResults, WriteTheDocumentedExampleAgain) {
  const Json example = documented_example();
  Json written = to_json(results_from_json(example, "example"));
  EXPECT_EQ(nlohmann::json(written), nlohmann::json(example));
}

TEST(LabResults, WriteNoDigitsThatMeanNothing) {
  LabResults results;
  results.rows.push_back({.p50_ms = 2351.1461191282024,
                          .mean_ms = 0.1 + 0.2,
                          .mean_interval = {0.299999999, 135610.0000449},
                          .spans = {{"network", 9.926874137515066e-12}}});
  const Json row = to_json(results)["rows"][0];
  EXPECT_EQ(row["p50_ms"].dump(), "2351.14612");
  EXPECT_EQ(row["mean_ms"].dump(), "0.3");
  EXPECT_EQ(row["mean_interval_ms"].dump(), "[0.3,135610.00004]");
  EXPECT_EQ(row["spans"]["network"], 0);
}

TEST(LabResults, ListLinksAndStrategiesInOrderOfAppearance) {
  LabResults results;
  for (const char* link : {"wifi", "lte"})
    for (const char* strategy : {"raw", "local"})
      results.rows.push_back({.network = "net", .link = link, .strategy = strategy});
  EXPECT_EQ(results.links_of("net"), (std::vector<std::string>{"wifi", "lte"}));
  EXPECT_EQ(results.strategies_of("net"), (std::vector<std::string>{"raw", "local"}));
  EXPECT_TRUE(results.links_of("other").empty());
}

TEST(LabResults, RejectWhatDoesNotFit) {
  struct Case {
    const char* pointer;
    Json value;
  };
  for (const Case& c : {Case{"/rows/0/network", "resnet21"},
                        {"/winners/0/network", "resnet21"},
                        {"/rows/0/top1", "high"},
                        {"/rows/0/p50_ms", -1},
                        {"/rows/0/interval", Json::array({1})},
                        {"/rows/0/spans", Json{{"head", "long"}}},
                        {"/machine/versions", Json::array()},
                        {"/schema", "isthmus.results/2"}}) {
    SCOPED_TRACE(c.pointer);
    Json document = documented_example();
    document[Json::json_pointer(c.pointer)] = c.value;
    EXPECT_THROW(results_from_json(document, "example"), Error);
  }
}

}  // namespace
}  // namespace isthmus
