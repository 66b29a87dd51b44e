#include "core/clock.h"

#include <gtest/gtest.h>

namespace isthmus {
namespace {

TEST(ManualClock, MovesOnlyWhenToldTo) {
  ManualClock clock;
  EXPECT_EQ(clock.now().count(), 0);
  clock.advance(Seconds{2});
  clock.sleep_for(Seconds{0.5});
  EXPECT_DOUBLE_EQ(clock.now().count(), 2.5);
  clock.sleep_until(Seconds{1});
  EXPECT_DOUBLE_EQ(clock.now().count(), 2.5);
}

TEST(SystemClock, NeverGoesBack) {
  Clock& clock = system_clock();
  const Seconds before = clock.now();
  clock.sleep_until(before - Seconds{1});
  EXPECT_GE(clock.now(), before);
}

TEST(CpuTime, OfAThreadIsPartOfThatOfTheProcess) {
  const Seconds thread_before = thread_cpu_time();
  const Seconds process_before = process_cpu_time();
  while (thread_cpu_time() - thread_before < Seconds{0.001}) {
  }
  EXPECT_GT(process_cpu_time(), process_before);
}

}  // namespace
}  // namespace isthmus
