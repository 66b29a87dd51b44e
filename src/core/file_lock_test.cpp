#include "core/file_lock.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"

namespace isthmus {
namespace {

TEST(FileLock, IsHeldByOneAtATime) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "new" / "lock";
  auto first = FileLock::take(file, Seconds{0});
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(FileLock::take(file, Seconds{0.01}), nullptr);
  first.reset();
  EXPECT_NE(FileLock::take(file, Seconds{0}), nullptr);
}

TEST(FileLock, SaysWhereItCannotBe) {
  EXPECT_THROW(FileLock::take("/proc/no/lock", Seconds{0}), Error);
}

}  // namespace
}  // namespace isthmus
