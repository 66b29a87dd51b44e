#include "lab/child_process.h"

#include <gtest/gtest.h>

#include <csignal>

#include "core/error.h"
#include "core/file.h"

namespace isthmus {
namespace {

TEST(ChildProcess, GivesTheExitCode) {
  EXPECT_EQ(ChildProcess({.command = {"sh", "-c", "exit 3"}, .stdout_file = {}, .stderr_file = {}})
                .wait(Seconds{10}),
            3);
}

TEST(ChildProcess, WritesItsOutputToAFile) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "out";
  ChildProcess({.command = {"echo", "hello"}, .stdout_file = file, .stderr_file = {}})
      .wait(Seconds{10});
  EXPECT_EQ(read_file(file), "hello\n");
}

TEST(ChildProcess, IsStoppedWhenItGoesOutOfScopeEvenIfFrozen) {
  pid_t pid = 0;
  {
    ChildProcess child({.command = {"sleep", "1000"}, .stdout_file = {}, .stderr_file = {}});
    pid = child.pid();
    child.send_signal(SIGSTOP);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(ChildProcess, DoesNotWaitForEver) {
  ChildProcess child({.command = {"sleep", "1000"}, .stdout_file = {}, .stderr_file = {}});
  EXPECT_THROW(child.wait(Seconds{0.01}), Error);
  EXPECT_TRUE(child.poll());
}

TEST(ChildProcess, ReportsAProgramThatIsNotThere) {
  EXPECT_EQ(
      ChildProcess({.command = {"/nonexistent/program"}, .stdout_file = {}, .stderr_file = {}})
          .wait(Seconds{10}),
      127);
}

}  // namespace
}  // namespace isthmus
