#include "report/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "report/display_width.h"

namespace isthmus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Table sample() {
  return {.title = "Networks",
          .columns = {{.title = "link", .grouped = true},
                      {.title = "strategy"},
                      {.title = "bytes", .key = "bytes_per_frame", .format = NumberFormat::kBytes}},
          .rows = {{.cells = {"wifi", "raw", 3072.0}},
                   {.cells = {"wifi", "jpeg:75", 950.0}, .mark = RowMark::kBest},
                   {.cells = {"lte", "raw", std::monostate()}, .begins_group = true}},
          .notes = {"played in virtual time"}};
}

TEST(Table, AlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(to_text(sample(), {.lines = TextOptions::Lines::kAscii}),
            "Networks\n"
            "  link  strategy    bytes\n"
            "  ----  --------  -------\n"
            "  wifi  raw       3.07 kB\n"
            "*       jpeg:75     950 B\n"
            "\n"
            "  lte   raw\n"
            "  played in virtual time\n");
}

TEST(Table, HasColorsOnlyWhereAsked) {
  EXPECT_THAT(to_text(sample(), {.color = true}), HasSubstr("\x1b[1;32m"));
  EXPECT_THAT(to_text(sample()), Not(HasSubstr("\x1b")));
}

TEST(Table, CountsColumnsRatherThanBytes) {
  struct Case {
    const char* text;
    std::size_t width;
  };
  for (const Case& c : {Case{"", 0},
                        {"abc", 3},
                        {"µs", 2},
                        {"深い", 4},
                        {"e\u0301", 1},
                        {"🙂", 2},
                        {"\xff", 1},
                        {"\xe2\x82", 2}}) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(display_width(c.text), c.width);
  }
  EXPECT_EQ(pad_left("µs", 4), "  µs");
}

TEST(Table, WritesNumbersOfFullPrecisionToCsv) {
  Table table = sample();
  table.rows[0].cells[1] = "a \"b\", c";
  table.rows[0].cells[2] = 0.1 + 0.2;
  EXPECT_EQ(to_csv(table),
            "link,strategy,bytes_per_frame\n"
            "wifi,\"a \"\"b\"\", c\",0.30000000000000004\n"
            "wifi,jpeg:75,950\n"
            "lte,raw,\n");
}

TEST(Table, WritesJsonByKey) {
  const Json json = to_json(sample());
  EXPECT_EQ(json["rows"][1]["bytes_per_frame"], 950.0);
  EXPECT_TRUE(json["rows"][2]["bytes_per_frame"].is_null());
  EXPECT_EQ(json["notes"][0], "played in virtual time");
}

TEST(Table, WritesMarkdownThatNoCellCanBreak) {
  Table table = sample();
  table.rows[0].cells[1] = "a|b";
  const std::string text = to_markdown(table);
  EXPECT_THAT(text, HasSubstr("| :-- | :-- | --: |"));
  EXPECT_THAT(text, HasSubstr("a\\|b"));
  EXPECT_THAT(text, HasSubstr("**950 B**"));
}

TEST(Table, EscapesHtml) {
  Table table = sample();
  table.title = "<script>";
  table.rows[0].cells[1] = "<b>&\"'";
  table.notes = {"<i>"};
  const std::string html = to_html(table);
  EXPECT_THAT(html, Not(HasSubstr("<script>")));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;&amp;&quot;&#39;"));
  EXPECT_THAT(html, HasSubstr("&lt;i&gt;"));
}

TEST(FormatNumber, HasTheUnitsOfTheField) {
  EXPECT_EQ(format_number(12.34, NumberFormat::kMilliseconds), "12.3 ms");
  EXPECT_EQ(format_number(1970, NumberFormat::kMilliseconds), "1.97 s");
  EXPECT_EQ(format_number(0.9123, NumberFormat::kPercent), "91.2 %");
  EXPECT_EQ(format_number(2300, NumberFormat::kMillijoules), "2.3 J");
  EXPECT_EQ(format_number(2.4, NumberFormat::kRatio), "2.4x");
  EXPECT_EQ(format_number(NAN, NumberFormat::kBytes), "–");
}

}  // namespace
}  // namespace isthmus
