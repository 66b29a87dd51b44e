#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "split/partition.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = "isthmus.partition";
constexpr int kVersion = 1;
constexpr const char* kFile = "partition.yaml";

// Part names become file names.
void check_file_name(const std::string& part) {
  const bool good = std::ranges::all_of(
      part, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
  if (part.empty() || part.front() == '.' || !good)
    throw Error(ErrorKind::kInvalid,
                "part name must be letters, digits, '_', '-' and '.': \"" + part + '"');
}

Json part_entry(const Part& part, const fs::path& folder) {
  const fs::path file = folder / (part.name + ".onnx");
  save_graph(part.graph, file);
  Json entry;
  entry["name"] = part.name;
  entry["file"] = file.filename().string();
  entry["sha256"] = sha256(read_file(file));
  // Weights beside the file, where the part passes protobuf's 2 GB.
  const fs::path data = file.string() + ".data";
  if (fs::exists(data)) {
    entry["data"] = data.filename().string();
    entry["data_sha256"] = sha256(read_file(data, SIZE_MAX));
  }
  return entry;
}

Json edge_entry(const Edge& edge) {
  Json entry;
  if (!edge.from_part.empty()) entry["from_part"] = edge.from_part;
  entry["from_tensor"] = edge.from_tensor;
  if (!edge.to_part.empty()) entry["to_part"] = edge.to_part;
  entry["to_tensor"] = edge.to_tensor;
  return entry;
}

// Models of the zoo stay as they are named; a file near the folder is stored relative to it, so
// that both can move.
std::string whole_entry(const fs::path& whole, const fs::path& folder) {
  const std::string text = whole.string();
  if (text.starts_with("zoo:")) return text;
  const fs::path file = fs::absolute(whole).lexically_normal();
  const fs::path near = fs::absolute(folder).lexically_normal().parent_path();
  const fs::path relative = file.lexically_relative(near);
  if (relative.empty() || *relative.begin() == "..") return file.string();
  return (fs::path("..") / relative).string();
}

// Removes what was begun unless `keep` is called.
class PendingFolder {
 public:
  explicit PendingFolder(const fs::path& target)
      : path_(target.parent_path() /
              ("." + target.filename().string() + ".new-" + std::to_string(::getpid()))) {
    std::error_code error;
    fs::remove_all(path_, error);
    fs::create_directories(path_, error);
    if (error)
      throw Error(ErrorKind::kIo, "cannot make folder " + path_.string() + ": " + error.message());
  }
  ~PendingFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;

  const fs::path& path() const { return path_; }

  // Puts the folder where `target` is, in one step; what was there is removed with this object.
  void move_to(const fs::path& target) {
    if (::rename(path_.c_str(), target.c_str()) == 0) return;
    if ((errno == ENOTEMPTY || errno == EEXIST) &&
        ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0)
      return;
    throw Error(ErrorKind::kIo, "cannot write folder " + target.string() + ": " + strerror(errno));
  }

 private:
  fs::path path_;
};

void check_target(const fs::path& target) {
  if (!fs::exists(target)) return;
  if (!fs::is_directory(target))
    throw Error(ErrorKind::kInvalid, target.string() + " is a file; name a folder");
  if (!fs::is_empty(target) && !fs::exists(target / kFile))
    throw Error(ErrorKind::kInvalid, "folder " + target.string() +
                                         " holds something else than a partition; name another");
}

void check_hash(const std::string& bytes, const std::string& recorded, const fs::path& file,
                const std::string& part) {
  const std::string found = sha256(bytes);
  if (found != recorded)
    throw Error(ErrorKind::kInvalid, "part " + part + ": " + file.string() + " has SHA-256 " +
                                         found + ", not " + recorded +
                                         " as recorded; cut the network again or restore the file");
}

std::string read_part_file(const fs::path& file, const std::string& part) {
  if (!fs::exists(file))
    throw Error(ErrorKind::kNotFound, "part " + part + " is missing: " + file.string());
  return read_file(file, SIZE_MAX);
}

Part read_part(Fields& fields, const fs::path& folder) {
  const std::string name = fields.string("name");
  const auto inside = [&](const std::string& key) {
    const std::string file = fields.string(key);
    if (fs::path(file).filename() != file)
      fields.fail(key, "must be a file name without folders: \"" + file + '"');
    return folder / file;
  };
  const fs::path file = inside("file");
  const std::string bytes = read_part_file(file, name);
  check_hash(bytes, fields.string("sha256"), file, name);
  if (fields.has("data")) {
    const fs::path data = inside("data");
    check_hash(read_part_file(data, name), fields.string("data_sha256"), data, name);
  }
  fields.finish();
  return {name, parse_graph(bytes, file.string(), folder)};
}

Edge read_edge(Fields& fields) {
  Edge edge{.from_part = fields.string("from_part", ""),
            .from_tensor = fields.string("from_tensor"),
            .to_part = fields.string("to_part", ""),
            .to_tensor = fields.string("to_tensor")};
  fields.finish();
  return edge;
}

fs::path resolved_whole(const std::string& stored, const fs::path& folder) {
  if (stored.empty() || stored.starts_with("zoo:") || fs::path(stored).is_absolute()) return stored;
  return (fs::absolute(folder) / stored).lexically_normal();
}

}  // namespace

void save_partition(const Partition& partition, const fs::path& folder, const fs::path& whole) {
  check_partition(partition);
  for (const Part& part : partition.parts) check_file_name(part.name);
  // Without a trailing separator, whose parent would be the folder itself.
  fs::path target = fs::absolute(folder).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  check_target(target);
  PendingFolder pending(target);

  Json document;
  document["schema"] = std::string(kSchema) + '/' + std::to_string(kVersion);
  document["name"] = partition.name;
  document["lossless"] = partition.lossless;
  if (!whole.empty()) document["whole"] = whole_entry(whole, target);
  document["parts"] = Json::array();
  for (const Part& part : partition.parts)
    document["parts"].push_back(part_entry(part, pending.path()));
  document["edges"] = Json::array();
  for (const Edge& edge : partition.edges) document["edges"].push_back(edge_entry(edge));
  write_document(pending.path() / kFile, document);
  pending.move_to(target);
}

StoredPartition load_partition(const fs::path& folder) {
  const fs::path file = folder / kFile;
  if (fs::exists(folder) && !fs::exists(file))
    throw Error(ErrorKind::kNotFound,
                "folder " + folder.string() + " is no partition: it has no " + kFile);
  const Json document = read_document(file);
  Fields fields(document, file.string());
  fields.expect_schema(kSchema, kVersion);
  StoredPartition stored;
  stored.partition.name = fields.string("name", "");
  stored.partition.lossless = fields.boolean("lossless", true);
  stored.whole = resolved_whole(fields.string("whole", ""), folder);
  for (Fields& part : fields.objects("parts"))
    stored.partition.parts.push_back(read_part(part, folder));
  for (Fields& edge : fields.objects("edges")) stored.partition.edges.push_back(read_edge(edge));
  fields.finish();
  check_partition(stored.partition);
  return stored;
}

}  // namespace isthmus
