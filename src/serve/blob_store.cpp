#include "serve/blob_store.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"

namespace isthmus {
namespace {

// Less is not worth a page, nor a file.
constexpr std::size_t kMinMappedBytes = 64 << 10;

// Whose pages go when those that it is lent to are gone, not with the store.
Blob lent(const std::shared_ptr<const MappedFile>& file) {
  const auto give_back = [file](const MappedFile* its) { its->release_pages(); };
  return {file->bytes(), std::shared_ptr<const MappedFile>(file.get(), give_back)};
}

}  // namespace

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

BlobStore::Incoming::Incoming(BlobStore& store, std::string hash, std::int64_t size)
    : store_(store), hash_(std::move(hash)), size_(static_cast<std::size_t>(size)) {
  store_.check_room(size);
  if (size_ >= kMinMappedBytes) file_ = std::make_unique<UnnamedFile>();
}

void BlobStore::Incoming::append(std::span<const std::byte> piece) {
  if (piece.size() > size_ - received_)
    throw Error(ErrorKind::kInvalid, "blob " + hash_.substr(0, 12) + " is larger than it said");
  received_ += piece.size();
  if (file_)
    file_->append(piece);
  else
    bytes_.insert(bytes_.end(), piece.begin(), piece.end());
}

void BlobStore::Incoming::finish() {
  Held held = file_ ? mapped(file_->map()) : Held{Blob(std::move(bytes_)), nullptr};
  if (sha256(held.blob.bytes()) != hash_)
    throw Error(ErrorKind::kInvalid, "blob " + hash_.substr(0, 12) + " was damaged on the way");
  // It is read again when it becomes part of an engine.
  if (held.file) held.file->release_pages();
  store_.add(hash_, std::move(held));
}

void BlobStore::put(const std::string& hash, const Blob& blob) {
  Incoming incoming(*this, hash, static_cast<std::int64_t>(blob.size()));
  incoming.append(blob.bytes());
  incoming.finish();
}

void BlobStore::add(const std::string& hash, Held held) {
  if (!folder_.empty()) {
    write_file(file_of(hash), held.blob.bytes());
    return;
  }
  const auto size = static_cast<std::int64_t>(held.blob.size());
  const std::lock_guard lock(mutex_);
  while (limit_ > 0 && bytes_ + size > limit_ && !order_.empty()) {
    const auto oldest = blobs_.find(order_.front());
    bytes_ -= static_cast<std::int64_t>(oldest->second.blob.size());
    blobs_.erase(oldest);
    order_.pop_front();
  }
  if (!blobs_.emplace(hash, std::move(held)).second) return;
  order_.push_back(hash);
  bytes_ += size;
}

BlobStore::Held BlobStore::mapped(const std::shared_ptr<const MappedFile>& file) {
  return {Blob(file->bytes(), file), file};
}

Blob BlobStore::get(const std::string& hash) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = blobs_.find(hash); found != blobs_.end()) {
      const Held& held = found->second;
      if (!held.file) return held.blob;
      read_.push_back(held.file);
      return lent(held.file);
    }
  }
  if (folder_.empty() || !is_hash(hash) || !std::filesystem::exists(file_of(hash)))
    throw Error(
        ErrorKind::kNotFound,
        "blob " + hash.substr(0, 12) + " is not here: it was not sent, or --memory is too small");
  const Held held = mapped(MappedFile::open(file_of(hash)));
  if (sha256(held.blob.bytes()) != hash)
    throw Error(ErrorKind::kIo, "the file of blob " + hash.substr(0, 12) + " in " +
                                    folder_.string() + " is damaged: remove it");
  const std::lock_guard lock(mutex_);
  read_.push_back(held.file);
  return held.blob;
}

void BlobStore::release_pages() {
  const std::lock_guard lock(mutex_);
  for (const auto& read : read_)
    if (const auto file = read.lock()) file->release_pages();
  read_.clear();
}

std::int64_t BlobStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace isthmus
