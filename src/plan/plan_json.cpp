#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "plan/plan.h"

namespace isthmus {
namespace {

double finite(Fields& fields, const std::string& key, double value) {
  if (!std::isfinite(value)) fields.fail(key, "must be finite");
  return value;
}

double finite(Fields& fields, const std::string& key) {
  return finite(fields, key, fields.number(key));
}

bool is_finite_number(const Json& value) {
  // As a float, too: that is what the plan keeps.
  return value.is_number() && std::isfinite(value.get<float>());
}

constexpr std::array<std::pair<Placement, const char*>, 4> kPlacements = {
    {{Placement::kSingle, "single"},
     {Placement::kSpread, "spread"},
     {Placement::kStandby, "standby"},
     {Placement::kRace, "race"}}};

Placement placement_from_json(Fields& fields) {
  const std::string name = fields.string("placement", "single");
  for (const auto& [placement, text] : kPlacements)
    if (name == text) return placement;
  fields.fail("placement", "must be single, spread, standby or race: " + name);
}

PlacedPart part_from_json(Fields fields) {
  PlacedPart part{.name = fields.string("name"),
                  .file = fields.string("file"),
                  .sha256 = fields.string("sha256"),
                  .placement = placement_from_json(fields),
                  .machines = fields.strings("machines")};
  fields.finish();
  return part;
}

PlanCodec codec_from_json(Fields fields) {
  PlanCodec codec{.name = fields.string("name"), .range = {}, .table = {}, .table_sha256 = {}};
  if (fields.has("range")) {
    const Json& range = fields.at("range");
    if (!range.is_array() || range.size() != 2 || !std::ranges::all_of(range, is_finite_number))
      fields.fail("range", "must be two numbers");
    codec.range = {range[0].get<float>(), range[1].get<float>()};
  }
  codec.table = fields.string("table", "");
  codec.table_sha256 = fields.string("table_sha256", "");
  fields.finish();
  return codec;
}

// "PART:TENSOR"; `whole` stands for no part. Tensor names may hold anything, so the first colon
// counts.
std::pair<std::string, std::string> end_from_json(Fields& fields, const std::string& key,
                                                  const std::string& whole) {
  const std::string text = fields.string(key);
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos)
    fields.fail(key, "must be PART:TENSOR or " + whole + ":NAME: " + text);
  const std::string part = text.substr(0, colon);
  return {part == whole ? "" : part, text.substr(colon + 1)};
}

PlanEdge edge_from_json(Fields fields) {
  PlanEdge edge;
  std::tie(edge.edge.from_part, edge.edge.from_tensor) = end_from_json(fields, "from", "input");
  std::tie(edge.edge.to_part, edge.edge.to_tensor) = end_from_json(fields, "to", "answer");
  if (fields.has("codec")) {
    if (fields.at("codec").is_string())
      edge.codec.name = fields.string("codec");
    else
      edge.codec = codec_from_json(fields.object("codec"));
  }
  edge.required = fields.boolean("required", true);
  edge.wait = Seconds{finite(fields, "wait_ms", fields.number("wait_ms", 0)) / 1e3};
  fields.finish();
  return edge;
}

Gate gate_from_json(Fields fields) {
  Gate gate{.part = fields.string("part"),
            .confidence = fields.string("confidence"),
            .threshold = finite(fields, "threshold"),
            .exit = fields.string("exit"),
            .taken = fields.number("taken", 0)};
  fields.finish();
  return gate;
}

std::array<float, 3> triple(Fields& fields, const std::string& key, std::array<float, 3> fallback) {
  if (!fields.has(key)) return fallback;
  const Json& value = fields.at(key);
  if (!value.is_array() || value.size() != 3 || !std::ranges::all_of(value, is_finite_number))
    fields.fail(key, "must be three numbers");
  return value.get<std::array<float, 3>>();
}

int side(Fields& fields, const std::string& key) {
  constexpr std::int64_t kMaxSide = 1 << 16;
  const std::int64_t pixels = fields.integer(key, 0);
  if (pixels < 0 || pixels > kMaxSide) fields.fail(key, "must be 0 to 65536 pixels");
  return static_cast<int>(pixels);
}

PlanInput input_from_json(Fields fields) {
  PlanInput input;
  input.width = side(fields, "width");
  input.height = side(fields, "height");
  input.scale = static_cast<float>(
      finite(fields, "scale", static_cast<float>(fields.number("scale", input.scale))));
  input.mean = triple(fields, "mean", input.mean);
  input.std = triple(fields, "std", input.std);
  input.tensor = fields.string("tensor", "");
  if (fields.has("shape")) {
    const Json& shape = fields.at("shape");
    const auto is_extent = [](const Json& item) { return item.is_number_integer() && item >= 0; };
    if (!shape.is_array() || !std::ranges::all_of(shape, is_extent))
      fields.fail("shape", "must be a list of extents");
    input.shape = shape.get<Shape>();
    // The product must be possible too.
    element_count(input.shape);
  }
  fields.finish();
  return input;
}

Prediction prediction_from_json(Fields fields) {
  Prediction prediction{.total = Seconds{finite(fields, "total_ms") / 1e3},
                        .parts_ms = {},
                        .bytes_per_frame = fields.integer("bytes_per_frame"),
                        .energy_mj = finite(fields, "energy_mj", fields.number("energy_mj", 0)),
                        .weights_from_memory = fields.boolean("weights_from_memory", false)};
  if (fields.has("parts_ms")) {
    for (const auto& [name, value] : fields.at("parts_ms").items()) {
      if (!is_finite_number(value)) fields.fail("parts_ms", "must hold numbers: " + name);
      prediction.parts_ms[name] = value.get<double>();
    }
  }
  fields.finish();
  return prediction;
}

Json to_json(const PlacedPart& part) {
  Json json{{"name", part.name}, {"file", part.file}, {"sha256", part.sha256}};
  for (const auto& [placement, text] : kPlacements)
    if (part.placement == placement && placement != Placement::kSingle) json["placement"] = text;
  json["machines"] = part.machines;
  return json;
}

Json to_json(const PlanCodec& codec) {
  if (!codec.range && codec.table_sha256.empty()) return codec.name;
  Json json{{"name", codec.name}};
  if (codec.range) json["range"] = *codec.range;
  if (!codec.table.empty()) json["table"] = codec.table;
  if (!codec.table_sha256.empty()) json["table_sha256"] = codec.table_sha256;
  return json;
}

Json to_json(const PlanEdge& edge) {
  const Edge& ends = edge.edge;
  Json json{{"from", (ends.from_part.empty() ? "input" : ends.from_part) + ':' + ends.from_tensor},
            {"to", (ends.to_part.empty() ? "answer" : ends.to_part) + ':' + ends.to_tensor},
            {"codec", to_json(edge.codec)}};
  if (!edge.required) {
    json["required"] = false;
    json["wait_ms"] = 1e3 * edge.wait.count();
  }
  return json;
}

Json to_json(const Gate& gate) {
  Json json{{"part", gate.part},
            {"confidence", gate.confidence},
            {"threshold", gate.threshold},
            {"exit", gate.exit}};
  if (gate.taken > 0) json["taken"] = gate.taken;
  return json;
}

Json to_json(const PlanInput& input) {
  Json json = Json::object();
  if (input.width > 0) {
    json["width"] = input.width;
    json["height"] = input.height;
    json["scale"] = input.scale;
    json["mean"] = input.mean;
    json["std"] = input.std;
  }
  json["tensor"] = input.tensor;
  json["shape"] = input.shape;
  return json;
}

Json to_json(const Prediction& prediction) {
  Json json{{"total_ms", 1e3 * prediction.total.count()}};
  json["parts_ms"] = Json::object();
  for (const auto& [name, value] : prediction.parts_ms) json["parts_ms"][name] = value;
  json["bytes_per_frame"] = prediction.bytes_per_frame;
  json["energy_mj"] = prediction.energy_mj;
  if (prediction.weights_from_memory) json["weights_from_memory"] = true;
  return json;
}

}  // namespace

Json to_json(const Plan& plan) {
  Json json{{"schema", "isthmus.plan/1"}, {"name", plan.name}, {"network", plan.network}};
  json["lossless"] = plan.lossless;
  json["parts"] = Json::array();
  for (const PlacedPart& part : plan.parts) json["parts"].push_back(to_json(part));
  json["edges"] = Json::array();
  for (const PlanEdge& edge : plan.edges) json["edges"].push_back(to_json(edge));
  if (!plan.gates.empty()) json["gates"] = Json::array();
  for (const Gate& gate : plan.gates) json["gates"].push_back(to_json(gate));
  if (!plan.sink.empty()) json["sink"] = plan.sink;
  json["input"] = to_json(plan.input);
  json["deadline_ms"] = 1e3 * plan.deadline.count();
  if (plan.predicted) json["predicted"] = to_json(*plan.predicted);
  if (!plan.labels.empty()) json["labels"] = plan.labels;
  return json;
}

Plan plan_from_json(const Json& document, const std::string& where) {
  Fields fields(document, where);
  fields.expect_schema("isthmus.plan", 1);
  Plan plan;
  plan.name = fields.string("name");
  plan.network = fields.string("network", "");
  plan.lossless = fields.boolean("lossless", true);
  for (Fields& part : fields.objects("parts")) plan.parts.push_back(part_from_json(part));
  for (Fields& edge : fields.objects("edges")) plan.edges.push_back(edge_from_json(edge));
  for (Fields& gate : fields.objects("gates")) plan.gates.push_back(gate_from_json(gate));
  plan.sink = fields.string("sink", "");
  if (fields.has("input")) plan.input = input_from_json(fields.object("input"));
  plan.labels = fields.strings("labels");
  plan.deadline = Seconds{
      finite(fields, "deadline_ms", fields.number("deadline_ms", 1e3 * plan.deadline.count())) /
      1e3};
  if (fields.has("predicted")) plan.predicted = prediction_from_json(fields.object("predicted"));
  fields.finish();
  try {
    check_plan(plan);
  } catch (const Error& error) {
    throw Error(error.kind(), where + ": " + error.what());
  }
  return plan;
}

}  // namespace isthmus
