#include "engine/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <thread>
#include <vector>

namespace isthmus {
namespace {

TEST(MemoryBudget, RefusesWhatPassesTheLimitAndChargesNothingForIt) {
  MemoryBudget budget(1000);
  budget.charge(600);
  try {
    budget.charge(401);
    FAIL();
  } catch (const std::bad_alloc& e) {
    EXPECT_STREQ(e.what(), "memory limit of 1.00 kB exceeded: 600 B held, 401 B more wanted");
  }
  EXPECT_EQ(budget.held(), 600);
  budget.charge(400);
  budget.release(1000);
  EXPECT_EQ(budget.held(), 0);
}

TEST(MemoryBudget, NeverHoldsMoreThanItsLimitForManyThreads) {
  MemoryBudget budget(100);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) try {
          budget.charge(40);
          budget.release(40);
        } catch (const std::bad_alloc&) {
        }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.held(), 0);
}

}  // namespace
}  // namespace isthmus
