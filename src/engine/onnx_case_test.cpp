#include "engine/onnx_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "core/file.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

TEST(OnnxCases, NoneFails) {
  const auto folder = onnx_cases_folder();
  if (!folder) GTEST_SKIP() << "libonnx-testdata is not installed";
  std::map<CaseOutcome, int> counts;
  for (const auto& path : onnx_cases(*folder)) {
    const CaseResult result = run_onnx_case(path);
    ++counts[result.outcome];
    EXPECT_NE(result.outcome, CaseOutcome::kFailed) << result.name << ": " << result.reason;
    if (result.outcome == CaseOutcome::kRefused) {
      EXPECT_NE(result.reason, "") << result.name;
    }
  }
  // 1.12 has 1072 cases; a refusal is the exception.
  EXPECT_GT(counts[CaseOutcome::kPassed], 900);
}

// A case is only worth something if it can fail.
TEST(OnnxCases, SeeAWrongRecording) {
  const auto folder = onnx_cases_folder();
  if (!folder) GTEST_SKIP() << "libonnx-testdata is not installed";
  const fs::path original = *folder / "node" / "test_conv_with_strides_padding";
  if (!fs::exists(original)) GTEST_SKIP() << "no " << original;
  const TemporaryFolder copy;
  fs::copy(original, copy.path() / "case", fs::copy_options::recursive);
  ASSERT_EQ(run_onnx_case(copy.path() / "case").outcome, CaseOutcome::kPassed);
  const fs::path output = copy.path() / "case" / "test_data_set_0" / "output_0.pb";
  std::string bytes = read_file(output);
  // The exponent of the last f32.
  bytes.back() ^= 1;
  write_file(output, std::string_view(bytes));
  const CaseResult result = run_onnx_case(copy.path() / "case");
  EXPECT_EQ(result.outcome, CaseOutcome::kFailed);
  EXPECT_THAT(result.reason, testing::HasSubstr("differs by"));
}

}  // namespace
}  // namespace isthmus
