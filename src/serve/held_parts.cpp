#include "serve/held_parts.h"

#include <malloc.h>

#include <utility>

#include "core/block_pool.h"
#include "core/error.h"
#include "core/heap.h"
#include "core/text.h"
#include "graph/cost.h"

namespace isthmus {
namespace {

std::int64_t weight_bytes(const Graph& graph) {
  std::int64_t bytes = 0;
  for (const auto& [name, initializer] : graph.initializers)
    bytes +=
        static_cast<std::int64_t>(initializer.tensor.bytes().size() + initializer.opaque.size());
  return bytes;
}

// For what a part has made of earlier frames to leave, where memory is short: several times a large
// feature map on a slow link.
constexpr Seconds kPatience{10};

// Loading takes and frees blocks of the size of the weights several times over. While it goes on,
// freed blocks go back to the system at once, so that they do not add up on a small board; what
// remains goes back at its end, and what was kept for the frames of an earlier plan before.
class LoadingMemory {
 public:
  LoadingMemory() {
    mallopt(M_MMAP_THRESHOLD, kWhileLoading);
    release_kept_blocks();
  }
  ~LoadingMemory() {
    mallopt(M_MMAP_THRESHOLD, kLargestHeapBlock);
    malloc_trim(0);
  }
  LoadingMemory(const LoadingMemory&) = delete;
  LoadingMemory& operator=(const LoadingMemory&) = delete;

 private:
  static constexpr int kWhileLoading = 128 << 10;
};

std::string text(std::int64_t bytes) { return format_bytes(static_cast<double>(bytes)); }

}  // namespace

std::shared_ptr<HeldPart> HeldParts::find_locked(const std::string& hash) const {
  const auto found = parts_.find(hash);
  return found == parts_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<HeldPart> HeldParts::find(const std::string& hash) const {
  const std::lock_guard lock(mutex_);
  return find_locked(hash);
}

std::int64_t HeldParts::weight_bytes_locked() const {
  std::int64_t bytes = 0;
  for (const auto& [hash, weak] : parts_)
    if (const auto part = weak.lock()) bytes += part->memory.weight_bytes;
  return bytes;
}

std::shared_ptr<HeldPart> HeldParts::hold(const std::string& name, const std::string& hash,
                                          const FindBlob& find, std::int64_t memory) {
  {
    const std::lock_guard lock(mutex_);
    if (auto part = find_locked(hash)) return part;
  }
  const LoadingMemory loading;
  return hold(name, hash, unbundle_part(hash, find), memory);
}

std::shared_ptr<HeldPart> HeldParts::hold(const std::string& name, const std::string& hash,
                                          const Graph& graph, std::int64_t memory) {
  const std::lock_guard lock(mutex_);
  if (auto part = find_locked(hash)) return part;
  const std::int64_t limit = memory_ == 0  ? memory
                             : memory == 0 ? memory_
                                           : std::min(memory, memory_);
  const std::int64_t needed = weight_bytes(graph);
  const std::int64_t taken = weight_bytes_locked();
  if (limit > 0 && needed > limit - taken)
    throw Error(ErrorKind::kUnsupported,
                "part " + name + " needs " + text(needed) + " for its weights; " + text(taken) +
                    " of " + text(limit) +
                    " are taken (give it another machine, or more --memory)");
  auto part = std::make_shared<HeldPart>();
  part->name = name;
  part->hash = hash;
  part->memory = {.weight_bytes = needed, .peak_bytes = cost_of(graph).peak_bytes};
  part->engine = make_engine(
      graph, {.threads = 1, .memory_limit = limit > 0 ? limit - taken : 0, .patience = kPatience});
  parts_[hash] = part;
  return part;
}

void HeldParts::feed(const std::shared_ptr<HeldPart>& part, std::uint16_t source) {
  const std::lock_guard lock(mutex_);
  auto& sources = fed_by_[part->hash];
  sources.insert(source);
  if (sources.size() > 1 && part->max_batch == 1 && batch_is_free(*part->engine))
    part->max_batch = max_batch_;
}

void HeldParts::unfeed(std::uint16_t source, const std::set<std::string>& hashes_still_fed) {
  const std::lock_guard lock(mutex_);
  for (auto& [hash, sources] : fed_by_) {
    if (hashes_still_fed.contains(hash)) continue;
    sources.erase(source);
    if (sources.size() > 1) continue;
    if (const auto part = find_locked(hash)) part->max_batch = 1;
  }
  std::erase_if(fed_by_, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(parts_, [](const auto& entry) { return entry.second.expired(); });
}

std::vector<std::shared_ptr<HeldPart>> HeldParts::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<HeldPart>> result;
  for (const auto& [hash, weak] : parts_)
    if (auto part = weak.lock()) result.push_back(std::move(part));
  return result;
}

}  // namespace isthmus
