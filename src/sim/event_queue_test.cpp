#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include "core/rng.h"

namespace isthmus {
namespace {

TEST(EventQueue, GivesTheEarliestFirst) {
  EventQueue<int> queue;
  Rng rng(1);
  for (int i = 0; i < 1000; ++i) queue.push(rng.uniform(), i);
  double before = 0;
  while (!queue.empty()) {
    const auto entry = queue.pop();
    EXPECT_GE(entry.time, before);
    before = entry.time;
  }
}

TEST(EventQueue, KeepsTheOrderOfWhatHappensAtTheSameTime) {
  EventQueue<int> queue;
  for (int i = 0; i < 100; ++i) queue.push(i % 2, i);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(queue.pop().event, 2 * i);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(queue.pop().event, 2 * i + 1);
}

}  // namespace
}  // namespace isthmus
