#include "plan/profile.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/file_lock.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/text.h"
#include "core/version.h"

namespace isthmus {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::filesystem::path store_file(ProfileTimes times) {
  const std::string kind = times == ProfileTimes::kFromMemory ? "-from-memory" : "";
  return cache_folder() / "profiles" /
         (sha256(machine_fingerprint()).substr(0, 16) + kind + ".json");
}

// Held while the store is read, changed and written.
std::unique_ptr<FileLock> lock_store(const std::filesystem::path& file) {
  constexpr Seconds kLimit{60};
  const std::string name = file.string() + ".lock";
  auto lock = FileLock::take(name, kLimit);
  if (!lock) throw Error(ErrorKind::kIo, "another process keeps the profiles locked: " + name);
  return lock;
}

Profile read_store(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    return {.machine = machine_fingerprint(), .date = {}, .parts = {}, .codecs = {}};
  Profile profile = profile_from_json(read_document(file), file.string());
  // Its name is made of the machine's.
  if (profile.machine != machine_fingerprint())
    throw Error(ErrorKind::kInvalid, file.string() + " holds times of another machine (" +
                                         profile.machine + "): remove it");
  return profile;
}

Seconds milliseconds(Fields& fields, const std::string& key) {
  const double value = fields.number(key);
  if (!(value >= 0) || std::isinf(value)) fields.fail(key, "must not be negative");
  return Seconds{value / 1e3};
}

PartProfile part_profile_from_json(Fields fields) {
  PartProfile part{.median = milliseconds(fields, "median_ms"),
                   .p95 = milliseconds(fields, "p95_ms"),
                   .cpu = milliseconds(fields, "cpu_ms"),
                   .runs = static_cast<int>(fields.integer("runs", 0)),
                   .macs = fields.integer("macs", 0),
                   .weight_bytes = fields.integer("weight_bytes", 0),
                   .peak_bytes = fields.integer("peak_bytes", 0)};
  fields.finish();
  return part;
}

CodecProfile codec_profile_from_json(Fields fields) {
  CodecProfile codec{.encode = milliseconds(fields, "encode_ms"),
                     .decode = milliseconds(fields, "decode_ms"),
                     .bytes = fields.number("bytes")};
  if (!(codec.bytes >= 0) || std::isinf(codec.bytes)) fields.fail("bytes", "must not be negative");
  fields.finish();
  return codec;
}

Json to_json(const PartProfile& part) {
  return {{"median_ms", 1e3 * part.median.count()},
          {"p95_ms", 1e3 * part.p95.count()},
          {"cpu_ms", 1e3 * part.cpu.count()},
          {"runs", part.runs},
          {"macs", part.macs},
          {"weight_bytes", part.weight_bytes},
          {"peak_bytes", part.peak_bytes}};
}

Json to_json(const CodecProfile& codec) {
  return {{"encode_ms", 1e3 * codec.encode.count()},
          {"decode_ms", 1e3 * codec.decode.count()},
          {"bytes", codec.bytes}};
}

const PlacedPart& part_at_hand(const Plan& plan, const PlanEdge& edge) {
  return *plan.find(edge.edge.from_part.empty() ? edge.edge.to_part : edge.edge.from_part);
}

std::string tensor_key(const PlacedPart& part, const Edge& edge) {
  return part.sha256 + '/' + (edge.from_part.empty() ? edge.to_tensor : edge.from_tensor) + '/';
}

}  // namespace

std::string codec_key(const Plan& plan, const PlanEdge& edge) {
  return codec_key(part_at_hand(plan, edge), edge);
}

std::string codec_key(const PlacedPart& part, const PlanEdge& edge) {
  return tensor_key(part, edge.edge) + edge.codec.name;
}

std::string normalise_key(const Plan& plan, const PlanEdge& edge) {
  return normalise_key(part_at_hand(plan, edge), edge);
}

std::string normalise_key(const PlacedPart& part, const PlanEdge& edge) {
  return tensor_key(part, edge.edge) + "normalise";
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name") && !line.starts_with("Model")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

std::string machine_fingerprint() {
  return host_name() + ", " + processor_name() + ", " +
         std::to_string(std::thread::hardware_concurrency()) + " cores, isthmus " +
         std::string(kVersion);
}

void refuse_other_machine(const Profile& profile) {
  if (const std::string here = machine_fingerprint(); profile.machine != here)
    throw Error(ErrorKind::kInvalid, "the profile was measured on another machine (" +
                                         profile.machine + ", not " + here +
                                         "): measure again with isthmus profile");
}

Json to_json(const Profile& profile) {
  Json json{{"schema", "isthmus.profile/1"}, {"machine", profile.machine}, {"date", profile.date}};
  json["parts"] = Json::object();
  for (const auto& [hash, part] : profile.parts) json["parts"][hash] = to_json(part);
  json["codecs"] = Json::object();
  for (const auto& [key, codec] : profile.codecs) json["codecs"][key] = to_json(codec);
  return json;
}

Profile profile_from_json(const Json& document, const std::string& where) {
  Fields fields(document, where);
  fields.expect_schema("isthmus.profile", 1);
  Profile profile{.machine = fields.string("machine"),
                  .date = fields.string("date", ""),
                  .parts = {},
                  .codecs = {}};
  if (fields.has("parts")) {
    Fields parts = fields.object("parts");
    for (const auto& item : parts.json().items())
      profile.parts[item.key()] = part_profile_from_json(parts.object(item.key()));
  }
  if (fields.has("codecs")) {
    Fields codecs = fields.object("codecs");
    for (const auto& item : codecs.json().items())
      profile.codecs[item.key()] = codec_profile_from_json(codecs.object(item.key()));
  }
  fields.finish();
  return profile;
}

Profile merged(Profile older, const Profile& newer) {
  older.date = newer.date;
  for (const auto& [hash, part] : newer.parts) older.parts[hash] = part;
  for (const auto& [key, codec] : newer.codecs) older.codecs[key] = codec;
  return older;
}

Profile least_of(Profile one, const Profile& other) {
  for (const auto& [hash, part] : other.parts) {
    const auto [known, fresh] = one.parts.try_emplace(hash, part);
    if (!fresh && part.median < known->second.median) known->second = part;
  }
  for (const auto& [key, codec] : other.codecs) {
    const auto [known, fresh] = one.codecs.try_emplace(key, codec);
    if (fresh) continue;
    known->second.encode = std::min(known->second.encode, codec.encode);
    known->second.decode = std::min(known->second.decode, codec.decode);
  }
  return one;
}

Profile load_profile_store(ProfileTimes times) { return read_store(store_file(times)); }

void merge_into_profile_store(const Profile& profile, ProfileTimes times) {
  refuse_other_machine(profile);
  const auto file = store_file(times);
  const auto lock = lock_store(file);
  write_document(file, to_json(merged(read_store(file), profile)));
}

}  // namespace isthmus
