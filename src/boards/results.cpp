#include "boards/study.h"
#include "core/json.h"

namespace isthmus {
namespace {

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

}  // namespace

Json to_json(const BoardResults& results) {
  Json rows = Json::array();
  for (const BoardRow& row : results.rows) rows.push_back(to_json(row));
  Json layers = Json::array();
  for (const BoardLayer& layer : results.layers) layers.push_back(to_json(layer));
  return {{"schema", "isthmus.board-results/1"},
          {"title", results.title},
          {"command", results.command},
          {"date", results.date},
          {"complete", results.complete},
          {"machine",
           {{"name", results.machine.name},
            {"cpu", results.machine.cpu},
            {"cores", results.machine.cores},
            {"versions", results.machine.versions}}},
          {"rows", std::move(rows)},
          {"layers", std::move(layers)}};
}

}  // namespace isthmus
