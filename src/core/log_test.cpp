#include "core/log.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"

namespace isthmus {
namespace {

TEST(Log, FollowsTheEnvironment) {
  ::setenv("ISTHMUS_LOG", "error", 1);
  start_log("program", LogLevel::kDebug);
  EXPECT_FALSE(log_shows(LogLevel::kWarning));
  EXPECT_TRUE(log_shows(LogLevel::kError));
  ::setenv("ISTHMUS_LOG", "loud", 1);
  EXPECT_THROW(start_log("program"), Error);
  ::unsetenv("ISTHMUS_LOG");
  start_log("program");
  EXPECT_TRUE(log_shows(LogLevel::kWarning));
  EXPECT_FALSE(log_shows(LogLevel::kInfo));
}

TEST(Log, WritesLinesToStderr) {
  testing::internal::CaptureStderr();
  log_warning("careful {}");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("careful {}"), std::string::npos);
}

}  // namespace
}  // namespace isthmus
