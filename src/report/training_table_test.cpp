#include "report/training_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

TrainingResults run(const std::string& name, double top1) {
  TrainingResults results;
  results.name = name;
  results.teacher = "resnet";
  results.test_dataset = "signs";
  results.stages = {{.name = "pretrain", .loss = "ghnd", .epochs = {{}, {}}},
                    {.name = "tune", .loss = "cross_entropy", .epochs = {{}}}};
  results.student = {{"bottleneck", {{"shape", {-1, 3, 12, 12}}}}, {"head", {{"reduction", 0.81}}}};
  results.results = {{.codec = "teacher", .top1 = 0.98, .images = 100},
                     {.codec = "f32", .top1 = top1, .images = 100, .bytes_per_frame = 1756},
                     {.codec = "u8", .top1 = top1, .images = 100, .bytes_per_frame = 460}};
  return results;
}

TEST(TrainingTable, HasARowForEachRecipe) {
  const std::vector<TrainingResults> results{run("a", 0.9), run("b", 0.8)};
  const Table table = training_table(results);
  ASSERT_EQ(table.rows.size(), 2U);
  const std::string text = to_markdown(table);
  EXPECT_THAT(text, HasSubstr("3x12x12"));
  EXPECT_THAT(text, HasSubstr("90.0 %"));
  EXPECT_THAT(table.notes.front(), HasSubstr("teacher resnet: 98.00 %"));
}

TEST(TrainingTable, TakesSeedsOfOneRecipeTogether) {
  const std::vector<TrainingResults> results{run("a", 0.9), run("a", 0.8)};
  const Table table = training_table(results);
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(std::get<double>(table.rows[0].cells[5]), 0.85);
  EXPECT_EQ(std::get<std::string>(table.rows[0].cells[1]), "2 (80.00 to 90.00)");
}

TEST(TrainingTable, LeavesOutWhatWasNotMeasured) {
  TrainingResults network = run("teacher", 0.98);
  network.student = nullptr;
  network.results.resize(1);
  const Table table = training_table(std::vector<TrainingResults>{network});
  for (const Cell& cell : std::span(table.rows[0].cells).subspan(4))
    EXPECT_TRUE(std::holds_alternative<std::monostate>(cell));
}

}  // namespace
}  // namespace isthmus
