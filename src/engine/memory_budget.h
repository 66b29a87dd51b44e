#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "core/clock.h"

struct OrtEnv;

namespace isthmus {

// How the message of a refused charge begins.
inline constexpr std::string_view kMemoryLimit = "memory limit of";

// Counts the bytes that one engine holds (weights, activations, outputs that somebody still keeps)
// and refuses to pass a limit. ONNX Runtime knows one allocator per process; ours charges each
// block to the budget that is current on the thread that asks (`Use`), and frees it to the same
// budget from any thread. Blocks that kernels take on threads of their own pool are not charged.
//
// Thread-safe. Must outlive every block that was charged to it.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::int64_t limit) : limit_(limit) {}

  std::int64_t held() const { return held_.load(std::memory_order_relaxed); }
  std::int64_t limit() const { return limit_; }

  // Throws std::bad_alloc with a message that names the numbers; nothing is charged then.
  void charge(std::int64_t bytes);
  void release(std::int64_t bytes);
  // Waits until less than `held` bytes are held; whether that came true within `limit`.
  bool wait_for_less(std::int64_t held, Seconds limit);

  // Makes a budget current on this thread for as long as it lives; null is no budget.
  class Use {
   public:
    explicit Use(MemoryBudget* budget);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    // The most that this thread has held of it at once, of what it took meanwhile.
    std::int64_t peak() const;

   private:
    MemoryBudget* previous_;
    std::int64_t previous_taken_;
    std::int64_t previous_peak_;
  };

 private:
  const std::int64_t limit_;
  std::atomic<std::int64_t> held_{0};
  std::atomic<int> waiting_{0};
  std::mutex mutex_;
  std::condition_variable released_;
};

// Makes the charging allocator known to the environment; sessions take it with
// "session.use_env_allocators". Once per environment, which must live as long as the process.
void register_budget_allocator(OrtEnv* environment);

}  // namespace isthmus
