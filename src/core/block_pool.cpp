#include "core/block_pool.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <new>

namespace isthmus {
namespace {

constexpr std::align_val_t kAlignment{64};

void release(const Block& block) { ::operator delete(block.memory, kAlignment); }

class BlockPool {
 public:
  // Of no memory where there is none.
  Block take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    const auto fits = [&](const Block& block) {
      return block.size >= size && block.size <= size + size / 4;
    };
    // The latest is the likeliest to be in a cache.
    const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(), fits);
    if (found == blocks_.rend()) return {};
    const Block block = *found;
    blocks_.erase(std::next(found).base());
    bytes_ -= block.size;
    return block;
  }

  void give(const Block& block) {
    const std::lock_guard lock(mutex_);
    blocks_.push_back(block);
    bytes_ += block.size;
    while (bytes_ > kPooledBytes) {
      bytes_ -= blocks_.front().size;
      release(blocks_.front());
      blocks_.pop_front();
    }
  }

 private:
  std::mutex mutex_;
  std::deque<Block> blocks_;
  std::size_t bytes_ = 0;
};

// Never destroyed: blocks may be let go by threads that outlive main().
BlockPool& pool() {
  static auto* instance = new BlockPool;
  return *instance;
}

}  // namespace

Block take_block(std::size_t size) {
  if (size >= kLeastPooledBlock)
    if (const Block block = pool().take(size); block.memory != nullptr) return block;
  return {static_cast<std::byte*>(::operator new(std::max<std::size_t>(size, 1), kAlignment)),
          size};
}

void give_block(Block block) {
  if (block.size >= kLeastPooledBlock)
    pool().give(block);
  else
    release(block);
}

}  // namespace isthmus
