#include "core/block_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace isthmus {
namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

TEST(BlockPool, GivesABlockOfTheSizeAgain) {
  const Block first = take_block(5 * kMegabyte);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.memory) % 64, 0U);
  std::memset(first.memory, 1, first.size);
  give_block(first);
  const Block again = take_block(5 * kMegabyte - 100);
  EXPECT_EQ(again.memory, first.memory);
  EXPECT_EQ(again.size, 5 * kMegabyte);
  // It is taken; and what is much smaller is not worth it.
  const Block other = take_block(5 * kMegabyte);
  EXPECT_NE(other.memory, again.memory);
  give_block(other);
  const Block small = take_block(kMegabyte);
  EXPECT_EQ(small.size, kMegabyte);
  for (const Block& block : {again, small}) give_block(block);
}

TEST(BlockPool, KeepsNoMoreThanItSays) {
  const Block large = take_block(kPooledBytes + kMegabyte);
  give_block(large);
  const Block next = take_block(kPooledBytes + kMegabyte);
  EXPECT_EQ(next.size, kPooledBytes + kMegabyte);
  // The oldest went when the newest came.
  const Block old = take_block(kPooledBytes / 2);
  const Block newer = take_block(kPooledBytes * 3 / 4);
  give_block(old);
  give_block(newer);
  const Block kept = take_block(kPooledBytes * 3 / 4);
  EXPECT_EQ(kept.memory, newer.memory);
  for (const Block& block : {next, kept}) give_block(block);
}

TEST(BlockPool, TakesAnySize) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kLeastPooledBlock}) {
    const Block block = take_block(size);
    EXPECT_NE(block.memory, nullptr);
    EXPECT_GE(block.size, size);
    give_block(block);
  }
}

}  // namespace
}  // namespace isthmus
