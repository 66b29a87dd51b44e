#include "report/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

namespace isthmus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The number of an attribute in every element of a kind: "width" of all <rect>.
std::vector<double> attributes(const Svg& picture, const std::string& element,
                               const std::string& attribute) {
  const std::regex pattern("<" + element + "[^>]* " + attribute + "=\"([-0-9.]+)\"");
  std::vector<double> values;
  for (std::sregex_iterator it(picture.body.begin(), picture.body.end(), pattern), end; it != end;
       ++it)
    values.push_back(std::stod((*it)[1]));
  return values;
}

TEST(BarChart, DrawsBarsInProportion) {
  const Svg picture = draw(BarChart{.title = "link", .bars = {{"a", 10}, {"b", 40}}});
  const auto widths = attributes(picture, "rect", "width");
  ASSERT_EQ(widths.size(), 2U);
  EXPECT_NEAR(widths[1] / widths[0], 4, 0.01);
}

TEST(BarChart, HasNoBarWithoutAValue) {
  const Svg picture = draw(BarChart{.title = "", .bars = {{"a", std::nullopt}}});
  EXPECT_TRUE(attributes(picture, "rect", "width").empty());
  EXPECT_THAT(picture.body, HasSubstr(">a</text>"));
}

TEST(BarChart, KeepsLongNamesInsideThePicture) {
  const std::string name(200, 'x');
  const Svg picture =
      draw(BarChart{.title = "", .bars = {{name, 1}, {"深深深深深深深深深深深深深深深深深深", 2}}});
  EXPECT_THAT(picture.body, HasSubstr("x…x"));
  for (const double x : attributes(picture, "rect", "x")) EXPECT_LT(x, 0.5 * picture.width);
}

TEST(Shortened, KeepsBeginningAndEnd) {
  EXPECT_EQ(shortened("short", 10, 100), "short");
  const std::string text = shortened("cut:/model/layer3/layer3.0/Relu_output_0/u8+rans", 10, 112);
  EXPECT_THAT(text, ::testing::StartsWith("cut:/"));
  EXPECT_THAT(text, ::testing::EndsWith("u8+rans"));
  EXPECT_LE(estimated_width(text, 10), 112);
  EXPECT_EQ(shortened("深深深深", 10, 30), "深…深");
}

TEST(StackChart, PutsSegmentsBehindOneAnother) {
  const Svg picture = draw(StackChart{
      .title = "", .stacks = {{"a", {{"head", 10, Color::kBlue}, {"tail", 30, Color::kGreen}}}}});
  const auto x = attributes(picture, "rect", "x"), width = attributes(picture, "rect", "width");
  ASSERT_EQ(x.size(), 2U);
  EXPECT_NEAR(x[0] + width[0], x[1], 0.11);
  EXPECT_NEAR(width[1] / width[0], 3, 0.02);
  EXPECT_THAT(picture.body, HasSubstr(">40</text>"));
}

TEST(ScatterChart, PlacesMoreToTheRightAndUp) {
  const Svg picture = draw(
      ScatterChart{.title = "", .x = {"x"}, .y = {"y"}, .dots = {{"low", 1, 1}, {"high", 2, 3}}});
  const auto x = attributes(picture, "circle", "cx"), y = attributes(picture, "circle", "cy");
  EXPECT_LT(x[0], x[1]);
  EXPECT_GT(y[0], y[1]);
}

TEST(ScatterChart, LeavesOutNamesThatHaveNoRoomRatherThanOverlap) {
  ScatterChart chart{.title = "", .x = {"x"}, .y = {"y"}, .dots = {}};
  for (int i = 0; i < 60; ++i) chart.dots.push_back({"a dot of long name", 1, 1});
  const std::string body = draw(chart).body;
  const std::regex name(">a dot of long name</text>"), tip("<title>a dot of long name");
  const auto count = [&](const std::regex& pattern) {
    return std::distance(std::sregex_iterator(body.begin(), body.end(), pattern), {});
  };
  EXPECT_LT(count(name), 20);
  EXPECT_GT(count(name), 0);
  EXPECT_EQ(count(tip), 60);
}

TEST(LineChart, InterruptsALineWhereThereIsNoNumber) {
  const Svg picture = draw(LineChart{.title = "",
                                     .x = {"x"},
                                     .y = {"y"},
                                     .lines = {{"a", {{0, 1}, {1, 2}, {2, NAN}, {3, 1}, {4, 2}}}}});
  const std::regex polyline("<polyline");
  EXPECT_EQ(
      std::distance(std::sregex_iterator(picture.body.begin(), picture.body.end(), polyline), {}),
      2);
  EXPECT_THAT(picture.body, Not(HasSubstr("nan")));
}

TEST(EpochChart, CountsEpochsFromOne) {
  const LineChart chart = epoch_chart("t", "loss", {{"training", {3, 2}}});
  EXPECT_EQ(chart.lines[0].points[0].x, 1);
  EXPECT_EQ(chart.lines[0].points[1].y, 2);
}

TEST(Charts, OfNothingAreEmptyButWhole) {
  for (const Svg& picture :
       {draw(BarChart{}), draw(StackChart{}), draw(ScatterChart{}), draw(LineChart{})}) {
    EXPECT_GT(picture.width, 0);
    EXPECT_THAT(picture.body, Not(HasSubstr("nan")));
    EXPECT_THAT(picture.body, Not(HasSubstr("inf")));
  }
}

TEST(Charts, EscapeEveryText) {
  const std::string evil = "<b>\"&";
  const std::string all =
      inline_svg(draw(BarChart{.title = evil, .bars = {{evil, 1}}, .caption = evil})) +
      inline_svg(draw(StackChart{.title = evil, .stacks = {{evil, {{evil, 1}}}}})) +
      svg_file(
          draw(ScatterChart{.title = evil, .x = {evil}, .y = {evil}, .dots = {{evil, 1, 1}}})) +
      svg_file(draw(LineChart{
          .title = evil, .x = {evil}, .y = {evil}, .lines = {{evil, {{0, 0}, {1, 1}}}}})) +
      legend_html({{evil, Color::kBlue}});
  EXPECT_THAT(all, Not(HasSubstr("<b>")));
  EXPECT_THAT(all, HasSubstr("&lt;b&gt;&quot;&amp;"));
}

}  // namespace
}  // namespace isthmus
