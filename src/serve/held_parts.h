#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "serve/deployment.h"
#include "serve/part_bundle.h"

namespace isthmus {

// The parts that a machine holds, one engine for equal bundles however many plans run them; let go
// when the last plan that runs it is. Thread-safe.
class HeldParts {
 public:
  // `memory`: bytes that weights and running may take, 0 for no limit. `max_batch`: see
  // FlowNodeOptions.
  explicit HeldParts(std::int64_t memory = 0, int max_batch = 8)
      : memory_(memory), max_batch_(max_batch) {}

  // Loads the part unless it is held. `memory` (0: no limit) is what the deployment allows. Throws
  // Error{kUnsupported} where it does not fit, before it takes the memory, and what unbundle_part
  // and make_engine throw.
  std::shared_ptr<HeldPart> hold(const std::string& name, const std::string& hash,
                                 const FindBlob& find, std::int64_t memory);
  // The same for a graph in memory that is not kept as blobs.
  std::shared_ptr<HeldPart> hold(const std::string& name, const std::string& hash,
                                 const Graph& graph, std::int64_t memory);

  // Null unless it is held.
  std::shared_ptr<HeldPart> find(const std::string& hash) const;

  // Who feeds the part. With the second source its batch is tried: if it is free, frames that wait
  // together run together.
  void feed(const std::shared_ptr<HeldPart>& part, std::uint16_t source);
  void unfeed(std::uint16_t source, const std::set<std::string>& hashes_still_fed);

  std::vector<std::shared_ptr<HeldPart>> all() const;

 private:
  std::shared_ptr<HeldPart> find_locked(const std::string& hash) const;
  std::int64_t weight_bytes_locked() const;

  std::int64_t memory_;
  int max_batch_;
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<HeldPart>> parts_;
  std::map<std::string, std::set<std::uint16_t>> fed_by_;
};

}  // namespace isthmus
