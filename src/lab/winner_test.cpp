#include "lab/winner.h"

#include <gtest/gtest.h>

namespace isthmus {
namespace {

ResultRow row(const std::string& strategy, double top1, double p50, double network_ms) {
  ResultRow result;
  result.network = "net";
  result.link = "wifi";
  result.strategy = strategy;
  result.top1 = top1;
  result.images = 1000;
  result.p50_ms = p50;
  result.spans = {{"network", network_ms}};
  return result;
}

LabResults results(std::vector<ResultRow> rows) {
  LabResults all;
  all.networks.push_back({.name = "net", .dataset = {}, .note = {}});
  all.rows = std::move(rows);
  return all;
}

TEST(Winner, IsTheFastestThatIsAccurateEnough) {
  const auto winners = winners_of(results({row("local", 0.9, 100, 0), row("jpeg:10", 0.7, 5, 4),
                                           row("jpeg:75", 0.895, 20, 15)}),
                                  "local", 0.01);
  ASSERT_EQ(winners.size(), 1U);
  EXPECT_EQ(winners[0].strategy, "jpeg:75");
  EXPECT_NE(winners[0].why.find("next is local"), std::string::npos) << winners[0].why;
  EXPECT_NE(winners[0].why.find("jpeg:10 would take 5"), std::string::npos) << winners[0].why;
}

TEST(Winner, SaysWhereTheNextLosesItsTime) {
  const auto winners =
      winners_of(results({row("local", 0.9, 10, 0), row("raw", 0.9, 240, 235)}), "local", 0.01);
  ASSERT_EQ(winners.size(), 1U);
  EXPECT_NE(winners[0].why.find("235 ms more on network"), std::string::npos) << winners[0].why;
}

TEST(Winner, IsNoStudentThatNobodyTrained) {
  ResultRow student = row("student:hnd-3ch", 0, 5, 1);
  student.images = 0;
  const auto winners = winners_of(results({row("local", 0.9, 100, 0), student}), "local", 0.01);
  ASSERT_EQ(winners.size(), 1U);
  EXPECT_EQ(winners[0].strategy, "local");
  EXPECT_NE(winners[0].why.find("student:hnd-3ch would take 5.00 ms, but is without trained"),
            std::string::npos)
      << winners[0].why;
}

TEST(Winner, IsTheFastestWhereNothingWasTrained) {
  std::vector<ResultRow> rows{row("local", 0, 100, 0), row("student:hnd-3ch", 0, 5, 1)};
  for (ResultRow& each : rows) each.images = 0;
  const auto winners = winners_of(results(rows), "local", 0.01);
  ASSERT_EQ(winners.size(), 1U);
  EXPECT_EQ(winners[0].strategy, "student:hnd-3ch");
}

TEST(Winner, NeedsRows) { EXPECT_TRUE(winners_of(results({}), "local", 0.01).empty()); }

}  // namespace
}  // namespace isthmus
