#include "boards/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/text.h"
#include "plan/devices.h"

namespace isthmus {
namespace {

// The routes between all pairs are looked at in every row.
constexpr int kMostBoards = 200;

Machine read_board(Fields fields) {
  Machine machine;
  machine.preset = fields.string("preset", "");
  if (!machine.preset.empty()) {
    const DevicePreset& preset = device_preset(machine.preset);
    machine.power = preset.power;
    machine.memory = preset.memory;
  }
  machine.slowdown_given = fields.has("slowdown");
  machine.slowdown = fields.number("slowdown", 1);
  machine.memory = fields.integer("memory", machine.memory);
  machine.swap_bandwidth = fields.number("swap_bandwidth", 0);
  if (!(machine.slowdown >= 1) || !std::isfinite(machine.slowdown))
    fields.fail("slowdown", "must be at least 1");
  if (machine.memory < 0 || machine.swap_bandwidth < 0)
    fields.fail("memory", "and swap_bandwidth must not be negative");
  fields.finish();
  return machine;
}

LinkProfile read_network(Fields& fields, const std::filesystem::path& folder) {
  const Json& link = fields.at("network");
  if (link.is_string()) return link_preset(link.get<std::string>());
  return link_from_json(Fields(link, fields.where() + ": network"), folder);
}

std::vector<int> read_counts(Fields& fields, const std::string& field) {
  std::vector<int> counts;
  for (const Json& count : fields.at(field)) {
    if (!count.is_number_integer()) fields.fail(field, "must be whole numbers");
    counts.push_back(count.get<int>());
  }
  return counts;
}

void check(const BoardScenario& scenario, const Fields& fields) {
  using Names = std::pair<const char*, const std::vector<std::string>*>;
  for (const auto& [field, names] :
       {Names{"methods", &scenario.methods}, Names{"confirm", &scenario.confirm}})
    for (const std::string& method : *names)
      if (std::ranges::find(board_method_names(), method) == board_method_names().end())
        fields.fail(field, fmt::format("has no {}{}; there are {}", method,
                                       suggestion(method, board_method_names()),
                                       fmt::join(board_method_names(), ", ")));
  for (const std::string& codec : scenario.codecs) wire_bytes(codec);
  if (scenario.models.empty() || scenario.counts.empty())
    fields.fail("models", "and counts must name at least one");
  for (const int count : scenario.counts)
    if (count < 1 || count > kMostBoards)
      fields.fail("counts", fmt::format("must be in 1..{}", kMostBoards));
  for (const int count : scenario.confirm_counts)
    if (std::ranges::count(scenario.counts, count) == 0)
      fields.fail("confirm_counts", fmt::format("has {}, counts has not", count));
  if (!(scenario.confirm_limit >= Seconds{0}))
    fields.fail("confirm_seconds", "must not be negative");
  if (!(scenario.unequal >= 1)) fields.fail("unequal", "must be at least 1");
  if (scenario.runs < 1 || scenario.frames < 4 || scenario.random_seeds < 1 ||
      scenario.confirm_frames < 0 || scenario.clip_stride < 1 || scenario.verify_images < 1)
    fields.fail("runs", "must be positive, like clip_stride and verify_images; frames 4 or more");
}

}  // namespace

const std::vector<std::string>& board_method_names() {
  static const std::vector<std::string> names = {
      "single", "pipeline",     "shards",  "spread",  "replicas", "procedure-1",
      "random", "random-whole", "channel", "spatial", "input",    "as-equal"};
  return names;
}

bool is_board_scenario(const Json& document) {
  return document.is_object() && document.contains("boards");
}

BoardScenario board_scenario_from_json(const Json& document, const std::string& where,
                                       const std::filesystem::path& folder) {
  Fields fields(document, where);
  fields.expect_schema("isthmus.scenario", 1);
  BoardScenario scenario;
  scenario.name = fields.string("name");
  scenario.digest = sha256(document.dump());
  scenario.board = read_board(fields.object("boards"));
  scenario.source = fields.has("source") ? read_board(fields.object("source")) : scenario.board;
  scenario.source.memory = 0;
  scenario.unequal = fields.number("unequal", 1);
  scenario.network = read_network(fields, folder);
  scenario.counts = read_counts(fields, "counts");
  scenario.models = fields.strings("models");
  if (fields.has("codecs")) scenario.codecs = fields.strings("codecs");
  const std::string objective = fields.string("objective", "throughput");
  if (objective != "throughput" && objective != "latency")
    fields.fail("objective", "must be throughput or latency");
  scenario.objective =
      objective == "latency" ? PipelineObjective::kLatency : PipelineObjective::kThroughput;
  scenario.methods = fields.strings("methods");
  scenario.random_seeds = static_cast<int>(fields.integer("random_seeds", scenario.random_seeds));
  scenario.runs = static_cast<int>(fields.integer("runs", scenario.runs));
  scenario.frames = fields.integer("frames", scenario.frames);
  scenario.confirm_frames =
      static_cast<int>(fields.integer("confirm_frames", scenario.confirm_frames));
  if (fields.has("confirm")) scenario.confirm = fields.strings("confirm");
  if (fields.has("confirm_counts")) scenario.confirm_counts = read_counts(fields, "confirm_counts");
  scenario.confirm_limit = Seconds{fields.number("confirm_seconds", 0)};
  scenario.data = fields.string("data", scenario.data);
  scenario.clip_stride = static_cast<int>(fields.integer("clip_stride", scenario.clip_stride));
  scenario.verify_images =
      static_cast<int>(fields.integer("verify_images", scenario.verify_images));
  scenario.mode = read_lab_mode(fields);
  if (fields.has("layers")) scenario.layers = fields.boolean("layers");
  if (fields.has("verify")) scenario.verify = fields.boolean("verify");
  check(scenario, fields);
  fields.finish();
  return scenario;
}

Cluster board_cluster(const BoardScenario& scenario, int boards) {
  Cluster cluster;
  cluster.source = "camera";
  cluster.machines.push_back(scenario.source);
  cluster.machines.back().name = cluster.source;
  for (int i = 1; i <= boards; ++i) {
    cluster.machines.push_back(scenario.board);
    cluster.machines.back().name = fmt::format("pi{}", i);
  }
  cluster.networks.push_back({.name = "lan", .machines = {}, .link = scenario.network});
  return cluster;
}

}  // namespace isthmus
