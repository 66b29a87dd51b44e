#include "core/block_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace isthmus {
namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

TEST(BlockPool, GivesABlockOfTheSizeAgain) {
  BlockPool pool;
  const Block first = pool.take(5 * kMegabyte);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.memory) % 64, 0U);
  std::memset(first.memory, 1, first.size);
  pool.give(first);
  EXPECT_EQ(pool.kept(), 5 * kMegabyte);
  const Block again = pool.take(5 * kMegabyte - 100);
  EXPECT_EQ(again.memory, first.memory);
  EXPECT_EQ(again.size, 5 * kMegabyte);
  EXPECT_EQ(pool.kept(), 0U);
  // It is taken; and what is much smaller is not worth it.
  const Block other = pool.take(5 * kMegabyte);
  EXPECT_NE(other.memory, again.memory);
  pool.give(other);
  const Block small = pool.take(kMegabyte);
  EXPECT_EQ(small.size, kMegabyte);
  for (const Block& block : {again, small}) pool.give(block);
}

TEST(BlockPool, KeepsNoMoreThanItSaysAndTheNewest) {
  BlockPool pool;
  const Block large = pool.take(BlockPool::kMostKept + kMegabyte);
  pool.give(large);
  EXPECT_EQ(pool.kept(), 0U);
  const Block old = pool.take(BlockPool::kMostKept / 2);
  const Block newer = pool.take(BlockPool::kMostKept * 3 / 4);
  pool.give(old);
  pool.give(newer);
  const Block kept = pool.take(BlockPool::kMostKept * 3 / 4);
  EXPECT_EQ(kept.memory, newer.memory);
  pool.give(kept);
}

// A board's stages have maps of several sizes, each of which might be kept beside the others.
TEST(BlockPool, NeverHoldsMoreThanWasInUseAtOnce) {
  BlockPool pool;
  pool.give(pool.take(8 * kMegabyte));
  EXPECT_EQ(pool.kept(), 8 * kMegabyte);
  const Block smaller = pool.take(3 * kMegabyte);
  EXPECT_EQ(pool.kept(), 0U) << "3 MB in use and 8 MB kept would be more than 8 MB";
  const Block beside = pool.take(4 * kMegabyte);
  pool.give(smaller);
  EXPECT_EQ(pool.kept(), 3 * kMegabyte);
  pool.give(beside);
  EXPECT_EQ(pool.kept(), 7 * kMegabyte);
  const Block more = pool.take(9 * kMegabyte);
  EXPECT_EQ(pool.kept(), 0U);
  pool.give(more);
  EXPECT_EQ(pool.kept(), 9 * kMegabyte);
}

TEST(BlockPool, GivesBackWhatItKeeps) {
  BlockPool pool;
  const Block used = pool.take(2 * kMegabyte);
  pool.give(pool.take(5 * kMegabyte));
  pool.release_kept();
  EXPECT_EQ(pool.kept(), 0U);
  std::memset(used.memory, 1, used.size);
  pool.give(used);
  EXPECT_EQ(pool.kept(), 2 * kMegabyte);
}

TEST(BlockPool, TakesAnySize) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, BlockPool::kLeastKeptBlock}) {
    const Block block = take_block(size);
    EXPECT_NE(block.memory, nullptr);
    EXPECT_GE(block.size, size);
    give_block(block);
  }
}

}  // namespace
}  // namespace isthmus
