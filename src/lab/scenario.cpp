#include "lab/scenario.h"

#include "core/json.h"
#include "core/text.h"
#include "plan/devices.h"

namespace isthmus {
namespace {

// A machine is a preset's name, or {preset, slowdown, ...} as in a cluster file.
Machine read_machine(Fields& fields, const std::string& key) {
  Machine machine;
  machine.name = key;
  if (!fields.has(key)) return machine;
  if (fields.at(key).is_string()) {
    machine.preset = fields.string(key);
  } else {
    Fields inner = fields.object(key);
    machine.preset = inner.string("preset", "");
    machine.slowdown_given = inner.has("slowdown");
    machine.slowdown = inner.number("slowdown", 1);
    machine.cores = static_cast<int>(inner.integer("cores", 1));
    if (!(machine.slowdown >= 1)) inner.fail("slowdown", "must be at least 1");
    inner.finish();
  }
  if (machine.preset == "here") machine.preset.clear();
  if (!machine.preset.empty()) machine.power = device_preset(machine.preset).power;
  return machine;
}

LinkProfile read_link(const Json& link, const Fields& fields, const std::filesystem::path& folder) {
  if (link.is_string()) return link_preset(link.get<std::string>());
  if (!link.is_object()) fields.fail("links", "must list names or {bandwidth, latency_ms, ...}");
  return link_from_json(Fields(link, fields.where() + ": links"), folder);
}

StudentSpec read_student(Fields fields) {
  StudentSpec student;
  student.preset = fields.string("preset");
  student.until = fields.string("until");
  student.channels = fields.integer("channels", 0);
  student.patch = fields.integer("patch", 0);
  fields.finish();
  return student;
}

ScenarioNetwork read_network(Fields fields) {
  ScenarioNetwork network;
  network.model = fields.string("model");
  network.name = fields.string("name", std::filesystem::path(network.model).stem().string());
  network.data = fields.string("data");
  network.calibrate = fields.string("calibrate", network.data);
  network.images = fields.integer("images", 0);
  network.small = fields.string("small", "");
  network.splits = fields.strings("splits");
  if (fields.has("students"))
    for (Fields& student : fields.objects("students"))
      network.students.push_back(read_student(student));
  if (fields.has("device")) network.device = read_machine(fields, "device");
  if (fields.has("server")) network.server = read_machine(fields, "server");
  if (network.images < 0) fields.fail("images", "must not be negative");
  fields.finish();
  return network;
}

void read_numbers(Fields& fields, Scenario& scenario) {
  scenario.frames = static_cast<int>(fields.integer("frames", scenario.frames));
  scenario.min_frames = static_cast<int>(
      fields.integer("min_frames", std::min(scenario.min_frames, scenario.frames)));
  scenario.cell_time = Seconds{fields.number("cell_seconds", scenario.cell_time.count())};
  scenario.rate = fields.number("rate", scenario.rate);
  scenario.virtual_below = fields.number("virtual_below", scenario.virtual_below);
  scenario.confirm_frames =
      static_cast<int>(fields.integer("confirm_frames", scenario.confirm_frames));
  scenario.calibration_images =
      static_cast<int>(fields.integer("calibration_images", scenario.calibration_images));
  scenario.cuts = static_cast<int>(fields.integer("cuts", scenario.cuts));
  scenario.seed =
      static_cast<std::uint64_t>(fields.integer("seed", static_cast<std::int64_t>(scenario.seed)));
  if (scenario.frames < 1 || scenario.min_frames < 1 || scenario.min_frames > scenario.frames)
    fields.fail("frames", "needs frames >= min_frames >= 1");
  if (scenario.calibration_images < 1 || scenario.cuts < 1 || scenario.rate < 0 ||
      scenario.confirm_frames < 0)
    fields.fail("calibration_images",
                "and cuts must be positive, rate and confirm_frames not negative");
}

}  // namespace

Scenario scenario_from_json(const Json& document, const std::string& where,
                            const std::filesystem::path& folder) {
  Fields fields(document, where);
  fields.expect_schema("isthmus.scenario", 1);
  Scenario scenario;
  scenario.name = fields.string("name");
  scenario.device = read_machine(fields, "device");
  scenario.server = read_machine(fields, "server");
  for (const Json& link : fields.at("links"))
    scenario.links.push_back(read_link(link, fields, folder));
  for (Fields& network : fields.objects("networks"))
    scenario.networks.push_back(read_network(network));
  scenario.strategies = fields.strings("strategies");
  read_numbers(fields, scenario);
  scenario.mode = read_lab_mode(fields);
  if (scenario.networks.empty()) fields.fail("networks", "must name at least one");
  if (scenario.links.empty()) fields.fail("links", "must name at least one");
  if (scenario.strategies.empty()) fields.fail("strategies", "must name at least one");
  fields.finish();
  return scenario;
}

LabMode read_lab_mode(Fields& fields) {
  const std::string mode = fields.string("mode", "process");
  if (mode != "process" && mode != "namespace") fields.fail("mode", "must be process or namespace");
  return mode == "process" ? LabMode::kProcess : LabMode::kNamespace;
}

Scenario read_scenario(const std::filesystem::path& file) {
  return scenario_from_json(read_document(file), file.string(), file.parent_path());
}

}  // namespace isthmus
