#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

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

TEST(EventQueue, TakesNoughtOfEitherSign) {
  EventQueue<int> queue;
  int i = 0;
  for (const double time : {1.0, -0.0, 0.0, -0.0}) queue.push(time, i++);
  for (const int expected : {1, 2, 3, 0}) EXPECT_EQ(queue.pop().event, expected);
}

// Against a list that is kept in order of time and, among equals, of arrival.
TEST(EventQueue, MixesWhatComesInTurnWithTheRest) {
  Rng rng(2);
  EventQueue<int> queue;
  std::multimap<double, int> expected;
  double now = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double time = now + static_cast<double>(rng.below(20));
    if (rng.below(3) == 0)
      queue.push_in_turn(time, i);
    else
      queue.push(time, i);
    expected.emplace(time, i);
    while (!queue.empty() && rng.below(i % 1000 < 500 ? 4 : 2) == 0) {
      const auto entry = queue.pop();
      ASSERT_EQ(std::pair(entry.time, entry.event), (std::pair<double, int>(*expected.begin())));
      expected.erase(expected.begin());
      now = entry.time;
    }
    ASSERT_EQ(queue.size(), expected.size());
  }
}

}  // namespace
}  // namespace isthmus
