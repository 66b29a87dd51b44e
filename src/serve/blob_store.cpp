#include "serve/blob_store.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"

namespace isthmus {

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

BlobStore::BlobStore(std::filesystem::path folder, std::int64_t limit)
    : folder_(std::move(folder)), limit_(limit) {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error)
    throw Error(ErrorKind::kIo,
                "cannot keep blobs in " + folder_.string() + ": " + error.message());
}

std::filesystem::path BlobStore::file_of(const std::string& hash) const { return folder_ / hash; }

std::vector<std::string> BlobStore::missing(const std::vector<std::string>& hashes) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> result;
  for (const std::string& hash : hashes) {
    const bool on_disk =
        !folder_.empty() && is_hash(hash) && std::filesystem::exists(file_of(hash));
    if (!blobs_.contains(hash) && !on_disk) result.push_back(hash);
  }
  return result;
}

void BlobStore::check_room(std::int64_t bytes) const {
  constexpr std::int64_t kMaxBlobBytes = std::int64_t{4} << 30;
  const std::int64_t room = limit_ == 0 || !folder_.empty() ? kMaxBlobBytes : limit_;
  if (bytes <= room) return;
  throw Error(ErrorKind::kUnsupported,
              "no room for a blob of " + format_bytes(static_cast<double>(bytes)) + ": there are " +
                  format_bytes(static_cast<double>(room)) + " (--memory, --cache)");
}

void BlobStore::put(const std::string& hash, Blob blob) {
  if (sha256(blob.bytes()) != hash)
    throw Error(ErrorKind::kInvalid, "blob " + hash.substr(0, 12) + " was damaged on the way");
  const auto size = static_cast<std::int64_t>(blob.size());
  check_room(size);
  if (!folder_.empty()) {
    write_file(file_of(hash), blob.bytes());
    return;
  }
  const std::lock_guard lock(mutex_);
  while (limit_ > 0 && bytes_ + size > limit_ && !order_.empty()) {
    const auto oldest = blobs_.find(order_.front());
    bytes_ -= static_cast<std::int64_t>(oldest->second.size());
    blobs_.erase(oldest);
    order_.pop_front();
  }
  if (!blobs_.emplace(hash, std::move(blob)).second) return;
  order_.push_back(hash);
  bytes_ += size;
}

Blob BlobStore::get(const std::string& hash) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = blobs_.find(hash); found != blobs_.end()) return found->second;
  }
  if (folder_.empty() || !is_hash(hash) || !std::filesystem::exists(file_of(hash)))
    throw Error(
        ErrorKind::kNotFound,
        "blob " + hash.substr(0, 12) + " is not here: it was not sent, or --memory is too small");
  auto text = std::make_shared<const std::string>(read_file(file_of(hash)));
  if (sha256(*text) != hash)
    throw Error(ErrorKind::kIo, "the file of blob " + hash.substr(0, 12) + " in " +
                                    folder_.string() + " is damaged: remove it");
  return {std::as_bytes(std::span(*text)), text};
}

std::int64_t BlobStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace isthmus
