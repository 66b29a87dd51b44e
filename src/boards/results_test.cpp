#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "boards/study.h"
#include "core/file.h"
#include "core/json.h"
#include "support/json_schema.h"

namespace isthmus {
namespace {

std::filesystem::path format(const std::string& file) {
  return source_folder() / "docs/formats" / file;
}

Json schema() { return read_document(format("board-results.schema.json")); }

BoardResults example_results() {
  BoardResults results{.title = "test", .command = "isthmus lab s.yaml", .date = "2026-01-31"};
  results.rows.push_back(
      {.model = "alexnet",
       .boards = 2,
       .method = "random",
       .codec = "f32",
       .throughput = 2,
       .ideal = 4,
       .least_throughput = 1,
       .most_throughput = 3,
       .not_more = "conv1 takes 1.00 s",
       .p50_ms = 9,
       .p95_ms = 11,
       .difference = 1e-7,
       .confirmed = BoardConfirmation{.played = {.throughput = 2},
                                      .real = {.throughput = 3, .alone_ms = 7},
                                      .fullest = "pi3",
                                      .disturbance = "conv1 took 2.00 times as long",
                                      .speed = 4,
                                      .tries = 2}});
  results.rows.push_back({.model = "alexnet",
                          .boards = 2,
                          .method = "spatial",
                          .codec = "f32",
                          .failure = "cannot be cut"});
  results.layers.push_back({.model = "alexnet", .layer = "conv1", .milliseconds = 1});
  return results;
}

TEST(BoardResults, AreWrittenAsPublished) {
  const Json written = to_json(example_results());
  EXPECT_EQ(schema_violation(written, schema()), "");
  EXPECT_EQ(written["rows"][0]["most_throughput"], 3);
  EXPECT_EQ(written["rows"][0]["played"]["throughput"], 2);
  EXPECT_EQ(written["rows"][0]["real"]["throughput"], 3);
  EXPECT_EQ(written["rows"][0]["disturbance"], "conv1 took 2.00 times as long");
  EXPECT_EQ(written["rows"][0]["speed"], 4);
  EXPECT_EQ(written["rows"][0]["tries"], 2);
  EXPECT_FALSE(written["rows"][1].contains("throughput"));
}

TEST(BoardResults, ExampleOfThePageKeepsTheSchema) {
  const std::string page = read_file(format("board-results.md"));
  const std::string fence = "```json\n";
  const std::size_t begin = page.find(fence) + fence.size();
  const Json example =
      parse_document(page.substr(begin, page.find("\n```\n", begin) - begin), "example");
  EXPECT_EQ(schema_violation(example, schema()), "");
  EXPECT_TRUE(is_board_results(example));
  EXPECT_EQ(Json::diff(to_json(board_results_from_json(example, "example")), example),
            Json::array());
}

TEST(BoardResults, AreReadAsTheyWereWritten) {
  const Json written = to_json(example_results());
  EXPECT_EQ(to_json(board_results_from_json(written, "results.json")), written);
}

TEST(BoardResults, NameTheFieldThatIsWrong) {
  Json written = to_json(example_results());
  written["rows"][0]["throughput"] = "fast";
  try {
    board_results_from_json(written, "results.json");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("rows[0].throughput"));
  }
}

}  // namespace
}  // namespace isthmus
