#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/mapped_file.h"
#include "serve/part_bundle.h"

namespace isthmus {

// What an agent was sent, by hash: in a folder, where it survives a restart, or without one as long
// as this. Either way large blobs are files that are mapped, and take memory only while they are
// read. Thread-safe.
class BlobStore {
 public:
  // Without a folder at most `limit` bytes (0: no limit): the oldest make room for new ones. What a
  // part needs is in its engine by then, and a source asks what is missing before it sends.
  explicit BlobStore(std::filesystem::path folder = {}, std::int64_t limit = 0);

  std::vector<std::string> missing(const std::vector<std::string>& hashes) const;

  // A blob that comes in pieces.
  class Incoming {
   public:
    // Throws Error{kUnsupported} for a blob that is larger than all the room there is.
    Incoming(BlobStore& store, std::string hash, std::int64_t size);
    // Throws Error{kInvalid} if it becomes larger than it should be, Error{kIo} for a full disk.
    void append(std::span<const std::byte> piece);
    // Throws Error{kInvalid} for bytes that have another hash.
    void finish();

   private:
    BlobStore& store_;
    std::string hash_;
    std::size_t size_;
    // Small ones; large ones go to the file.
    std::vector<std::byte> bytes_;
    std::unique_ptr<UnnamedFile> file_;
    std::size_t received_ = 0;
  };
  // At once; throws as that does.
  void put(const std::string& hash, const Blob& blob);
  // Throws Error{kNotFound}.
  Blob get(const std::string& hash) const;

  // Without a folder: all blobs.
  std::int64_t bytes() const;
  // Gives back the memory of the blobs that were asked for since the last call; what reads them
  // again gets it anew. To be called when they have become an engine, so that those that run do not
  // lose what they read with every frame.
  void release_pages();

 private:
  void check_room(std::int64_t bytes) const;
  // In memory, or mapped.
  struct Held {
    Blob blob;
    std::shared_ptr<const MappedFile> file;
  };
  static Held mapped(const std::shared_ptr<const MappedFile>& file);
  void add(const std::string& hash, Held held);

  std::filesystem::path file_of(const std::string& hash) const;

  std::filesystem::path folder_;
  std::int64_t limit_;
  mutable std::mutex mutex_;
  std::map<std::string, Held> blobs_;
  // Oldest first.
  std::deque<std::string> order_;
  std::int64_t bytes_ = 0;
  // Read since the last release_pages.
  mutable std::vector<std::weak_ptr<const MappedFile>> read_;
};

// Whether it is 64 lower-case hexadecimal digits, and so safe as a file name.
bool is_hash(const std::string& text);

}  // namespace isthmus
