#include "boards/study.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"
#include "core/json.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

Graph dense_network() {
  GraphBuilder net("dense");
  net.output(net.gemm(net.input("input", {-1, 64}), 32, "y"));
  return net.build();
}

class RunBoards : public ::testing::Test {
 protected:
  RunBoards() { setenv("ISTHMUS_CACHE", folder_.path().c_str(), 1); }
  ~RunBoards() override { unsetenv("ISTHMUS_CACHE"); }

  BoardResults run(const BoardResults& before) {
    said_.clear();
    return run_boards(scenario_,
                      {.folder = folder_.path(),
                       .resolve = [](const std::string& model) { return model; },
                       .load = [](const std::string&) { return dense_network(); },
                       .say = [this](const std::string& line) { said_ += line + '\n'; }},
                      before);
  }

  TemporaryFolder folder_;
  BoardScenario scenario_{.name = "two boards",
                          .board = {.slowdown = 20, .slowdown_given = true},
                          .source = {.slowdown = 20, .slowdown_given = true},
                          .network = link_preset("ethernet-94"),
                          .counts = {2},
                          .models = {"dense.onnx"},
                          .methods = {"single", "channel", "replicas"},
                          .runs = 1,
                          .frames = 8};
  std::string said_;
};

TEST_F(RunBoards, GoesOnAfterTheRowsThatAreThere) {
  BoardResults results = run({});
  ASSERT_EQ(results.rows.size(), 3U);
  EXPECT_NE(said_.find("single"), std::string::npos);
  EXPECT_EQ(to_json(board_results_from_json(read_document(folder_.path() / "results.json"), "")),
            to_json(results));
  results.rows.pop_back();
  results.date = "2020-01-01";
  results.rows[0].throughput = 12345;
  // Tried again, for its real frames went wrong; not where they were left out.
  results.rows[1].real_failure = "pi1 went away";
  const BoardResults again = run(results);
  EXPECT_EQ(said_.find("single"), std::string::npos);
  EXPECT_NE(said_.find("channel"), std::string::npos);
  EXPECT_NE(said_.find("replicas"), std::string::npos);
  ASSERT_EQ(again.rows.size(), 3U);
  EXPECT_EQ(again.rows[0].throughput, 12345);
  EXPECT_EQ(again.date, "2020-01-01");
  EXPECT_TRUE(again.complete);
}

TEST(IsSettled, UnlessRealFramesWentWrong) {
  BoardRow row;
  EXPECT_TRUE(is_settled(row));
  row.real_failure = "pi1 went away";
  EXPECT_FALSE(is_settled(row));
  row.real_failure = "pi1 had 1 GB in use, more than its 400 MB";
  row.confirmed = BoardConfirmation{};
  EXPECT_TRUE(is_settled(row));
}

}  // namespace
}  // namespace isthmus
