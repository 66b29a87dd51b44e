#include "core/training_results.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "support/json_schema.h"

namespace isthmus {
namespace {

// The first ```json block of a page.
Json json_block(const std::filesystem::path& page) {
  const std::string text = read_file(page);
  const std::string fence = "```json\n";
  const std::size_t start = text.find(fence) + fence.size();
  return parse_document(text.substr(start, text.find("```", start) - start), page.string());
}

TEST(TrainingResults, ExampleOfTheDocumentsIsRead) {
  const Json example = json_block(source_folder() / "docs/formats/training.md");
  const TrainingResults results = training_results_from_json(example, "training.md");
  EXPECT_EQ(results.name, "cifar10-resnet20-3ch");
  EXPECT_EQ(results.student["target"], "layer2");
  ASSERT_TRUE(results.find("u8+rans"));
  EXPECT_EQ(results.find("u8+rans")->levels, 16);
  EXPECT_FALSE(results.find("u8"));
  ASSERT_EQ(results.stages.size(), 1U);
  EXPECT_DOUBLE_EQ(*results.stages[0].epochs[0].validation_top1, 0.7421);
  EXPECT_FALSE(results.stages[0].epochs[0].bits);
  const Json written = to_json(results);
  EXPECT_EQ(written, to_json(training_results_from_json(written, "again")));
  for (const auto& [key, value] : example.items()) EXPECT_EQ(written[key], value) << key;
}

TEST(TrainingResults, ErrorsNameThePlace) {
  Json document = to_json(TrainingResults{});
  document["stages"] = {{{"name", "a"}, {"loss", "sse"}, {"epochs", {{{"rate", "high"}}}}}};
  try {
    training_results_from_json(document, "metrics.json");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("metrics.json: stages[0].epochs[0].rate"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace isthmus
