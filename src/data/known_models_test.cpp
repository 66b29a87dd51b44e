#include "data/known_models.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"

namespace isthmus {
namespace {

TEST(KnownModels, FindsFilesAndTrainedFoldersByName) {
  const TemporaryFolder folder;
  write_file(folder.path() / "teacher.onnx", "network");
  std::filesystem::create_directory(folder.path() / "teacher-12ch");
  setenv("ISTHMUS_MODELS", folder.path().c_str(), 1);
  EXPECT_EQ(find_known_model("teacher"), folder.path() / "teacher.onnx");
  EXPECT_EQ(find_known_model("teacher.onnx"), folder.path() / "teacher.onnx");
  EXPECT_EQ(find_known_model("teacher-12ch"), folder.path() / "teacher-12ch");
  EXPECT_FALSE(find_known_model("student"));
  EXPECT_FALSE(find_known_model(""));
  unsetenv("ISTHMUS_MODELS");
}

}  // namespace
}  // namespace isthmus
