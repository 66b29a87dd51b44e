#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "serve/part_bundle.h"

namespace isthmus {

// What an agent was sent, by hash: in a folder, where it survives a restart, or without one in
// memory. Thread-safe.
class BlobStore {
 public:
  // In memory at most `limit` bytes (0: no limit): the oldest make room for new ones. What a part
  // needs is in its engine by then, and a source asks what is missing before it sends.
  explicit BlobStore(std::filesystem::path folder = {}, std::int64_t limit = 0);

  std::vector<std::string> missing(const std::vector<std::string>& hashes) const;

  // To be asked before memory is taken. Throws Error{kUnsupported} for a blob that is larger than
  // all the room there is.
  void check_room(std::int64_t bytes) const;
  // Throws Error{kInvalid} for bytes that have another hash.
  void put(const std::string& hash, Blob blob);
  // Throws Error{kNotFound}.
  Blob get(const std::string& hash) const;

  // In memory.
  std::int64_t bytes() const;

 private:
  std::filesystem::path file_of(const std::string& hash) const;

  std::filesystem::path folder_;
  std::int64_t limit_;
  mutable std::mutex mutex_;
  std::map<std::string, Blob> blobs_;
  // Oldest first.
  std::deque<std::string> order_;
  std::int64_t bytes_ = 0;
};

// Whether it is 64 lower-case hexadecimal digits, and so safe as a file name.
bool is_hash(const std::string& text);

}  // namespace isthmus
