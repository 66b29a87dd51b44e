#include "core/block_pool.h"

#include <algorithm>
#include <iterator>
#include <new>

namespace isthmus {
namespace {

constexpr std::align_val_t kAlignment{64};

Block allocate(std::size_t size) {
  const std::size_t bytes = std::max<std::size_t>(size, 1);
  return {static_cast<std::byte*>(::operator new(bytes, kAlignment)), size};
}

void release(const Block& block) { ::operator delete(block.memory, kAlignment); }

void release(const std::vector<Block>& blocks) {
  for (const Block& block : blocks) release(block);
}

// Never destroyed: blocks may be let go by threads that outlive main().
BlockPool& pool() {
  static auto* instance = new BlockPool;
  return *instance;
}

}  // namespace

BlockPool::~BlockPool() { release_kept(); }

Block BlockPool::take(std::size_t size) {
  if (size < kLeastKeptBlock) return allocate(size);
  Block block;
  std::vector<Block> gone;
  {
    const std::lock_guard lock(mutex_);
    block = take_kept_locked(size);
    in_use_ += block.memory != nullptr ? block.size : size;
    most_in_use_ = std::max(most_in_use_, in_use_);
    if (block.memory != nullptr) return block;
    gone = beyond_locked(most_in_use_ - in_use_);
  }
  // Room for the new one is made before it is there.
  release(gone);
  try {
    return allocate(size);
  } catch (const std::bad_alloc&) {
    const std::lock_guard lock(mutex_);
    in_use_ -= size;
    throw;
  }
}

void BlockPool::give(Block block) {
  if (block.size < kLeastKeptBlock) {
    release(block);
    return;
  }
  std::vector<Block> gone;
  {
    const std::lock_guard lock(mutex_);
    in_use_ -= block.size;
    blocks_.push_back(block);
    kept_ += block.size;
    gone = beyond_locked(std::min(kMostKept, most_in_use_ - in_use_));
  }
  release(gone);
}

std::size_t BlockPool::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

void BlockPool::release_kept() {
  std::vector<Block> gone;
  {
    const std::lock_guard lock(mutex_);
    gone = beyond_locked(0);
  }
  release(gone);
}

// Of no memory where there is none.
Block BlockPool::take_kept_locked(std::size_t size) {
  const auto fits = [&](const Block& block) {
    return block.size >= size && block.size <= size + size / 4;
  };
  // The latest is the likeliest to be in a cache.
  const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(), fits);
  if (found == blocks_.rend()) return {};
  const Block block = *found;
  blocks_.erase(std::next(found).base());
  kept_ -= block.size;
  return block;
}

std::vector<Block> BlockPool::beyond_locked(std::size_t bytes) {
  std::vector<Block> gone;
  while (kept_ > bytes) {
    kept_ -= blocks_.front().size;
    gone.push_back(blocks_.front());
    blocks_.pop_front();
  }
  return gone;
}

Block take_block(std::size_t size) { return pool().take(size); }
void give_block(Block block) { pool().give(block); }
void release_kept_blocks() { pool().release_kept(); }

}  // namespace isthmus
