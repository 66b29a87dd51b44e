#include "train/checkpoint.h"

#include <string_view>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"

namespace isthmus {
namespace {

constexpr std::string_view kMagic = "isthmus.checkpoint/1\n";

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& why) {
  throw Error(ErrorKind::kInvalid,
              file.string() + " is no whole checkpoint (" + why + "); remove it to begin again");
}

std::size_t length(Fields& header, const std::string& key) {
  const std::int64_t value = header.integer(key);
  if (value < 0) header.fail(key, "must not be negative");
  return static_cast<std::size_t>(value);
}

Checkpoint parse(std::string_view content, const std::filesystem::path& file) {
  if (!content.starts_with(kMagic)) fail(file, "it does not begin like one");
  content.remove_prefix(kMagic.size());
  const std::size_t end = content.find('\n');
  if (end == std::string_view::npos) fail(file, "cut off");
  const Json document = parse_document(content.substr(0, end), file.string());
  const std::string_view blobs = content.substr(end + 1);
  Fields header(document, file.string());
  const std::size_t network = length(header, "network");
  const std::size_t optimizer = length(header, "optimizer");
  if (network > blobs.size() || optimizer != blobs.size() - network) fail(file, "cut off");
  if (header.string("sha256") != sha256(blobs)) fail(file, "its hash differs");
  return {.state = header.at("state"),
          .network = std::string(blobs.substr(0, network)),
          .optimizer = std::string(blobs.substr(network))};
}

}  // namespace

void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint) {
  const std::string blobs = checkpoint.network + checkpoint.optimizer;
  const Json header = {{"state", checkpoint.state},
                       {"network", checkpoint.network.size()},
                       {"optimizer", checkpoint.optimizer.size()},
                       {"sha256", sha256(blobs)}};
  write_file(file, std::string(kMagic) + header.dump() + '\n' + blobs);
}

std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  return parse(read_file(file), file);
}

}  // namespace isthmus
