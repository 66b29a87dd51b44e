#include <fmt/format.h>

#include "boards/study.h"
#include "core/json.h"

namespace isthmus {
namespace {

constexpr const char* kSchemaName = "isthmus.board-results";
constexpr int kSchemaVersion = 1;

Json to_json(const BoardMeasurement& measurement) {
  return {{"throughput", measurement.throughput},
          {"p50_ms", measurement.p50_ms},
          {"p95_ms", measurement.p95_ms},
          {"latency_ms", measurement.alone_ms},
          {"memory", measurement.memory}};
}

Json to_json(const BoardRow& row) {
  Json json = {
      {"network", row.model}, {"boards", row.boards}, {"method", row.method}, {"codec", row.codec}};
  if (!row.failure.empty()) {
    json["failure"] = row.failure;
    return json;
  }
  json["throughput"] = row.throughput;
  json["latency_ms"] = row.latency_ms;
  json["ideal_throughput"] = row.ideal;
  if (row.least_throughput != row.most_throughput) {
    json["least_throughput"] = row.least_throughput;
    json["most_throughput"] = row.most_throughput;
  }
  json["bytes_per_frame"] = row.bytes_per_frame;
  json["largest_memory"] = row.memory;
  json["boards_used"] = row.used;
  json["stages"] = row.stages;
  json["bound"] = row.bound;
  if (!row.not_more.empty()) json["not_more"] = row.not_more;
  if (row.p50_ms > 0) json["p50_ms"] = row.p50_ms;
  if (row.p95_ms > 0) json["p95_ms"] = row.p95_ms;
  if (row.difference) json["max_relative_difference"] = *row.difference;
  if (row.answer_difference) json["answer_relative_difference"] = *row.answer_difference;
  if (!row.real_failure.empty()) json["real_failure"] = row.real_failure;
  if (row.confirmed) {
    json["real"] = to_json(row.confirmed->real);
    json["played"] = to_json(row.confirmed->played);
    if (!row.confirmed->fullest.empty()) json["fullest"] = row.confirmed->fullest;
    if (!row.confirmed->disturbance.empty()) json["disturbance"] = row.confirmed->disturbance;
    if (row.confirmed->speed != 1) json["speed"] = row.confirmed->speed;
    if (row.confirmed->tries != 1) json["tries"] = row.confirmed->tries;
  }
  return json;
}

Json to_json(const BoardLayer& layer) {
  return {{"network", layer.model},
          {"layer", layer.layer},
          {"milliseconds", layer.milliseconds},
          {"swapping_ms", layer.swapping_ms},
          {"memory", layer.memory}};
}

BoardMeasurement measurement_from_json(Fields fields) {
  BoardMeasurement measurement{.throughput = fields.number("throughput"),
                               .p50_ms = fields.number("p50_ms"),
                               .p95_ms = fields.number("p95_ms"),
                               .alone_ms = fields.number("latency_ms"),
                               .memory = fields.number("memory")};
  fields.finish();
  return measurement;
}

std::optional<double> maybe(Fields& fields, const std::string& key) {
  if (!fields.has(key)) return std::nullopt;
  return fields.number(key);
}

BoardRow row_from_json(Fields fields) {
  BoardRow row{.model = fields.string("network"),
               .boards = static_cast<int>(fields.integer("boards")),
               .method = fields.string("method"),
               .codec = fields.string("codec"),
               .failure = fields.string("failure", "")};
  if (row.failure.empty()) {
    row.throughput = fields.number("throughput");
    row.latency_ms = fields.number("latency_ms");
    row.ideal = fields.number("ideal_throughput");
    row.least_throughput = fields.number("least_throughput", row.throughput);
    row.most_throughput = fields.number("most_throughput", row.throughput);
    row.bytes_per_frame = fields.number("bytes_per_frame");
    row.memory = fields.number("largest_memory");
    row.used = static_cast<int>(fields.integer("boards_used"));
    row.stages = fields.string("stages");
    row.bound = fields.string("bound");
    row.not_more = fields.string("not_more", "");
    row.p50_ms = fields.number("p50_ms", 0);
    row.p95_ms = fields.number("p95_ms", 0);
    row.difference = maybe(fields, "max_relative_difference");
    row.answer_difference = maybe(fields, "answer_relative_difference");
    row.real_failure = fields.string("real_failure", "");
    if (fields.has("real"))
      row.confirmed = BoardConfirmation{.played = measurement_from_json(fields.object("played")),
                                        .real = measurement_from_json(fields.object("real")),
                                        .fullest = fields.string("fullest", ""),
                                        .disturbance = fields.string("disturbance", ""),
                                        .speed = static_cast<int>(fields.integer("speed", 1)),
                                        .tries = static_cast<int>(fields.integer("tries", 1))};
  }
  fields.finish();
  return row;
}

BoardLayer layer_from_json(Fields fields) {
  BoardLayer layer{.model = fields.string("network"),
                   .layer = fields.string("layer"),
                   .milliseconds = fields.number("milliseconds"),
                   .swapping_ms = fields.number("swapping_ms"),
                   .memory = fields.number("memory")};
  fields.finish();
  return layer;
}

ResultMachine machine_from_json(Fields fields) {
  ResultMachine machine{.name = fields.string("name"),
                        .cpu = fields.string("cpu"),
                        .cores = static_cast<int>(fields.integer("cores"))};
  const Fields versions = fields.object("versions");
  for (const auto& [name, version] : versions.json().items()) {
    if (!version.is_string()) versions.fail(name, "must be a string: " + version.dump());
    machine.versions[name] = version.get<std::string>();
  }
  fields.finish();
  return machine;
}

}  // namespace

Json to_json(const BoardResults& results) {
  Json rows = Json::array();
  for (const BoardRow& row : results.rows) rows.push_back(to_json(row));
  Json layers = Json::array();
  for (const BoardLayer& layer : results.layers) layers.push_back(to_json(layer));
  return {{"schema", fmt::format("{}/{}", kSchemaName, kSchemaVersion)},
          {"title", results.title},
          {"command", results.command},
          {"date", results.date},
          {"scenario", results.scenario},
          {"complete", results.complete},
          {"machine",
           {{"name", results.machine.name},
            {"cpu", results.machine.cpu},
            {"cores", results.machine.cores},
            {"versions", results.machine.versions}}},
          {"rows", std::move(rows)},
          {"layers", std::move(layers)}};
}

bool is_board_results(const Json& document) {
  return document.is_object() && document.contains("schema") && document["schema"].is_string() &&
         document["schema"].get<std::string>().starts_with(kSchemaName);
}

BoardResults board_results_from_json(const Json& document, const std::string& where) {
  Fields fields(document, where);
  fields.expect_schema(kSchemaName, kSchemaVersion);
  BoardResults results{.title = fields.string("title"),
                       .command = fields.string("command"),
                       .date = fields.string("date"),
                       .scenario = fields.string("scenario"),
                       .machine = machine_from_json(fields.object("machine")),
                       .complete = fields.boolean("complete"),
                       .rows = {},
                       .layers = {}};
  for (const Fields& row : fields.objects("rows")) results.rows.push_back(row_from_json(row));
  for (const Fields& layer : fields.objects("layers"))
    results.layers.push_back(layer_from_json(layer));
  fields.finish();
  return results;
}

}  // namespace isthmus
