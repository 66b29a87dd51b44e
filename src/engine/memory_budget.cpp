#include "engine/memory_budget.h"

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "core/block_pool.h"
#include "core/text.h"

namespace isthmus {
namespace {

thread_local MemoryBudget* current_budget = nullptr;
// Of the current budget, since it became that.
thread_local std::int64_t taken_here = 0;
thread_local std::int64_t peak_here = 0;

class BudgetExceeded final : public std::bad_alloc {
 public:
  explicit BudgetExceeded(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

// Before every block, and as large as a block's alignment.
struct alignas(64) BlockHeader {
  MemoryBudget* budget;
  std::int64_t bytes;
  Block block;
};

void* allocate(OrtAllocator*, std::size_t size) {
  if (size == 0) return nullptr;
  constexpr std::size_t kHeader = sizeof(BlockHeader);
  if (size > static_cast<std::size_t>(PTRDIFF_MAX) - 2 * kHeader) throw std::bad_alloc();
  const std::size_t total = (size + 2 * kHeader - 1) / kHeader * kHeader;
  MemoryBudget* budget = current_budget;
  if (budget) budget->charge(static_cast<std::int64_t>(total));
  Block block;
  try {
    block = take_block(total);
  } catch (const std::bad_alloc&) {
    if (budget) budget->release(static_cast<std::int64_t>(total));
    throw;
  }
  taken_here += static_cast<std::int64_t>(total);
  peak_here = std::max(peak_here, taken_here);
  auto* header = new (block.memory) BlockHeader{budget, static_cast<std::int64_t>(total), block};
  return header + 1;
}

void release(OrtAllocator*, void* block) {
  if (!block) return;
  BlockHeader* header = static_cast<BlockHeader*>(block) - 1;
  if (header->budget) header->budget->release(header->bytes);
  if (header->budget == current_budget) taken_here -= header->bytes;
  give_block(header->block);
}

const OrtMemoryInfo* memory_info(const OrtAllocator*) {
  static const auto* info =
      new Ort::MemoryInfo(Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault));
  return *info;
}

}  // namespace

void MemoryBudget::charge(std::int64_t bytes) {
  std::int64_t held = held_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_ - held)
      throw BudgetExceeded(std::string(kMemoryLimit) + " " +
                           format_bytes(static_cast<double>(limit_)) +
                           " exceeded: " + format_bytes(static_cast<double>(held)) + " held, " +
                           format_bytes(static_cast<double>(bytes)) + " more wanted");
  } while (!held_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
}

void MemoryBudget::release(std::int64_t bytes) {
  held_ -= bytes;
  if (waiting_ == 0) return;
  const std::lock_guard lock(mutex_);
  released_.notify_all();
}

bool MemoryBudget::wait_for_less(std::int64_t held, Seconds limit) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  const bool less = released_.wait_for(lock, limit, [&] { return held_ < held; });
  --waiting_;
  return less;
}

MemoryBudget::Use::Use(MemoryBudget* budget)
    : previous_(std::exchange(current_budget, budget)),
      previous_taken_(std::exchange(taken_here, 0)),
      previous_peak_(std::exchange(peak_here, 0)) {}

MemoryBudget::Use::~Use() {
  current_budget = previous_;
  taken_here = previous_taken_;
  peak_here = previous_peak_;
}

std::int64_t MemoryBudget::Use::peak() const { return peak_here; }

void register_budget_allocator(OrtEnv* environment) {
  static auto* allocator =
      new OrtAllocator{ORT_API_VERSION, allocate, release, memory_info, allocate};
  Ort::ThrowOnError(Ort::GetApi().RegisterAllocator(environment, allocator));
}

}  // namespace isthmus
