#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

namespace isthmus {

// 64-byte aligned, and not zeroed.
struct Block {
  std::byte* memory = nullptr;
  // What was asked for, or up to a quarter more.
  std::size_t size = 0;
};

// Memory of tensors and messages. Every frame makes and lets go blocks of the same sizes, and fresh
// pages cost more than the copy into them: large blocks that are let go are kept for the next of
// about their size, the oldest going first. Small ones come from the C library, which is good at
// them.
//
// What is kept adds nothing to the most that a process ever has of such memory: kept blocks and
// those in use, each of its full size, are together never more than were in use at once (nor are
// more than kMostKept bytes kept), so that a board whose memory is planned needs no room for them.
// Thread-safe.
class BlockPool {
 public:
  static constexpr std::size_t kMostKept = std::size_t{256} << 20;
  static constexpr std::size_t kLeastKeptBlock = std::size_t{64} << 10;

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  // Throws std::bad_alloc.
  Block take(std::size_t size);
  void give(Block block);

  // Bytes that are kept, of no use to anybody now.
  std::size_t kept() const;
  // Gives them back to the system.
  void release_kept();

 private:
  Block take_kept_locked(std::size_t size);
  // What is kept beyond so many bytes, the oldest first, and is to be released.
  std::vector<Block> beyond_locked(std::size_t bytes);

  mutable std::mutex mutex_;
  std::deque<Block> blocks_;
  std::size_t kept_ = 0;
  // Of large blocks, now and at most.
  std::size_t in_use_ = 0;
  std::size_t most_in_use_ = 0;
};

// Of the process's own pool.
Block take_block(std::size_t size);
void give_block(Block block);
void release_kept_blocks();

}  // namespace isthmus
