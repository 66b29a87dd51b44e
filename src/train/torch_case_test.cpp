#include "train/torch_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/file.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

TEST(TorchCases, NoneFails) {
  const auto folder = onnx_cases_folder();
  if (!folder) GTEST_SKIP() << "libonnx-testdata is not installed";
  const TorchConformance table = check_torch_cases(*folder);
  for (const auto& [op, cases] : table.operators) {
    for (const auto& [name, reason] : cases.failed) ADD_FAILURE() << name << ": " << reason;
    for (const auto& [name, reason] : cases.refused) EXPECT_NE(reason, "") << name;
  }
  EXPECT_EQ(table.failed, 0);
  EXPECT_EQ(table.passed + table.refused, table.cases);
  // 1.12 has 1072 cases, 300 of them of operators and types that training has not.
  EXPECT_GT(table.passed, 750);
}

// A case is only worth something if it can fail.
TEST(TorchCases, SeeAWrongRecording) {
  const auto folder = onnx_cases_folder();
  if (!folder) GTEST_SKIP() << "libonnx-testdata is not installed";
  const TemporaryFolder copy;
  fs::copy(*folder / "node" / "test_conv_with_strides_padding", copy.path() / "case",
           fs::copy_options::recursive);
  ASSERT_EQ(run_torch_case(copy.path() / "case").outcome, CaseOutcome::kPassed);
  const fs::path output = copy.path() / "case" / "test_data_set_0" / "output_0.pb";
  std::string bytes = read_file(output);
  // The exponent of the last number.
  bytes.back() ^= 1;
  write_file(output, std::string_view(bytes));
  EXPECT_EQ(run_torch_case(copy.path() / "case").outcome, CaseOutcome::kFailed);
}

}  // namespace
}  // namespace isthmus
