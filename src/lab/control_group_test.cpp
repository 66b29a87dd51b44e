#include "lab/control_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "lab/child_process.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

std::string unique(const std::string& name) {
  return "isthmus" + std::to_string(getpid()) + "-" + name;
}

// Where no group can be made, why.
std::string why_not() {
  try {
    const ControlGroup group(unique("probe"), {.memory = 1 << 28, .cores = 1});
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

// A shell that holds so many MiB.
std::vector<std::string> holding(int mebibytes) {
  return {"sh", "-c",
          "x=$(head -c " + std::to_string(mebibytes << 20) + " /dev/zero | tr '\\0' x)"};
}

TEST(ControlGroup, KillsWhatTakesMoreThanItsMemory) {
  if (const std::string why = why_not(); !why.empty()) GTEST_SKIP() << why;
  const ControlGroup group(unique("memory"), {.memory = 48 << 20, .cores = 1});
  ChildProcess modest({.command = group.inside(holding(4)), .stdout_file = {}, .stderr_file = {}});
  EXPECT_EQ(modest.wait(Seconds{20}), 0);
  EXPECT_EQ(group.killed(), 0);
  EXPECT_GT(group.peak_memory(), 4 << 20);
  ChildProcess greedy({.command = group.inside(holding(96)), .stdout_file = {}, .stderr_file = {}});
  EXPECT_NE(greedy.wait(Seconds{20}), 0);
  EXPECT_GE(group.killed(), 1);
  EXPECT_LE(group.peak_memory(), 48 << 20);
}

TEST(ControlGroup, SetsLimitsInOneTreeForEachController) {
  const TemporaryFolder root;
  std::filesystem::create_directories(root.path() / "memory");
  std::filesystem::create_directories(root.path() / "cpu");
  const ControlGroup group("pi1", {.memory = 1000, .cores = 1.5}, root.path());
  EXPECT_EQ(read_file(root.path() / "memory/pi1/memory.limit_in_bytes"), "1000");
  EXPECT_EQ(read_file(root.path() / "cpu/pi1/cpu.cfs_quota_us"), "150000");
  EXPECT_EQ(read_file(root.path() / "cpu/pi1/cpu.cfs_period_us"), "100000");
}

TEST(ControlGroup, SetsLimitsInOneTreeForAll) {
  const TemporaryFolder root;
  write_file(root.path() / "cgroup.controllers", "cpu memory");
  const ControlGroup group("pi1", {.memory = 1000, .cores = 1}, root.path());
  EXPECT_EQ(read_file(root.path() / "pi1/memory.max"), "1000");
  EXPECT_EQ(read_file(root.path() / "pi1/cpu.max"), "100000 100000");
  write_file(root.path() / "pi1/memory.events", "low 0\noom 1\noom_kill 2\n");
  write_file(root.path() / "pi1/memory.peak", "900\n");
  EXPECT_EQ(group.killed(), 2);
  EXPECT_EQ(group.peak_memory(), 900);
}

TEST(ControlGroup, SaysWhereGroupsCannotBeMade) {
  const TemporaryFolder root;
  try {
    const ControlGroup group("pi1", {.memory = 1000, .cores = 1}, root.path());
    FAIL() << "made";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("use mode: process"));
  }
}

}  // namespace
}  // namespace isthmus
