#include "core/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "core/error.h"

namespace isthmus {
namespace {

// The flag stays up, so each case runs in a process of its own.
TEST(InterruptDeathTest, TurnsASignalIntoAnError) {
  const auto stopped = [] {
    install_interrupt_handler();
    check_interrupt();
    std::raise(SIGTERM);
    try {
      check_interrupt();
    } catch (const Error& error) {
      std::exit(exit_code(error.kind()));
    }
  };
  EXPECT_EXIT(stopped(), testing::ExitedWithCode(130), "");
}

TEST(InterruptDeathTest, EndsTheProcessAtTheSecondSignal) {
  const auto stopped_twice = [] {
    install_interrupt_handler();
    std::raise(SIGINT);
    std::raise(SIGINT);
  };
  EXPECT_EXIT(stopped_twice(), testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace isthmus
