#include "core/results.h"

#include <algorithm>
#include <cmath>

#include "core/json.h"
#include "core/text.h"

namespace isthmus {

namespace {

constexpr const char* kSchemaName = "isthmus.results";
constexpr int kSchemaVersion = 1;

template <typename T>
std::map<std::string, T> read_map(Fields& fields, const std::string& key) {
  std::map<std::string, T> result;
  if (!fields.has(key)) return result;
  const Json& object = fields.at(key);
  if (!object.is_object()) fields.fail(key, "must be an object");
  for (const auto& [name, value] : object.items()) {
    const bool fits = std::is_same_v<T, double> ? value.is_number() : value.is_string();
    if (!fits) fields.fail(key, "has a value of the wrong type at " + name + ": " + value.dump());
    result[name] = value.template get<T>();
  }
  return result;
}

// A number that is no negative and no NaN.
double amount(Fields& fields, const std::string& key, double fallback) {
  const double value = fields.number(key, fallback);
  if (!(value >= 0) || !std::isfinite(value))
    fields.fail(key, "must be a finite number >= 0: " + std::to_string(value));
  return value;
}

Json machine_to_json(const ResultMachine& machine) {
  return {{"name", machine.name},
          {"cpu", machine.cpu},
          {"cores", machine.cores},
          {"versions", machine.versions}};
}

ResultMachine machine_from_json(Fields fields) {
  ResultMachine machine;
  machine.name = fields.string("name", "");
  machine.cpu = fields.string("cpu", "");
  machine.cores = static_cast<int>(fields.integer("cores", 0));
  machine.versions = read_map<std::string>(fields, "versions");
  return machine;
}

Json network_to_json(const ResultNetwork& network) {
  Json json = {
      {"name", network.name},       {"dataset", network.dataset},     {"images", network.images},
      {"classes", network.classes}, {"synthetic", network.synthetic}, {"trained", network.trained},
      {"params", network.params},   {"macs", network.macs},           {"note", network.note}};
  if (!network.device.empty()) json["device"] = network.device;
  if (!network.server.empty()) json["server"] = network.server;
  return json;
}

ResultNetwork network_from_json(Fields fields) {
  ResultNetwork network;
  network.name = fields.string("name");
  network.dataset = fields.string("dataset", "");
  network.images = fields.integer("images", 0);
  network.classes = fields.integer("classes", 0);
  network.synthetic = fields.boolean("synthetic", false);
  network.trained = fields.boolean("trained", true);
  network.params = fields.integer("params", 0);
  network.macs = fields.integer("macs", 0);
  network.device = fields.string("device", "");
  network.server = fields.string("server", "");
  network.note = fields.string("note", "");
  return network;
}

Json link_to_json(const ResultLink& link) {
  return {{"name", link.name},
          {"bandwidth", link.bandwidth},
          {"latency_ms", link.latency_ms},
          {"loss", link.loss},
          {"recorded", link.recorded}};
}

ResultLink result_link_from_json(Fields fields) {
  ResultLink link;
  link.name = fields.string("name");
  link.bandwidth = amount(fields, "bandwidth", 0);
  link.latency_ms = amount(fields, "latency_ms", 0);
  link.loss = amount(fields, "loss", 0);
  link.recorded = fields.boolean("recorded", false);
  return link;
}

// Milliseconds, millijoules and bytes: digits behind a hundred-thousandth, 10 ns, are of no use and
// make most of the file.
double rounded(double value) {
  constexpr double kParts = 1e5;
  return std::round(value * kParts) / kParts;
}

Json rounded(const Interval& interval) { return {rounded(interval.low), rounded(interval.high)}; }

Json rounded(const std::map<std::string, double>& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values) json[name] = rounded(value);
  return json;
}

Json pair_to_json(const Interval& interval) { return {interval.low, interval.high}; }

Json row_to_json(const ResultRow& row) {
  Json json = {{"network", row.network},
               {"link", row.link},
               {"strategy", row.strategy},
               {"bytes_per_frame", rounded(row.bytes_per_frame)},
               {"on_air_bytes", rounded(row.on_air_bytes)},
               {"answer_bytes", rounded(row.answer_bytes)},
               {"p50_ms", rounded(row.p50_ms)},
               {"p95_ms", rounded(row.p95_ms)},
               {"spans", rounded(row.spans)},
               {"frames", row.frames},
               {"energy_mj", rounded(row.energy_mj)},
               {"trained", row.trained},
               {"mode", row.mode},
               {"estimate", row.estimate}};
  if (row.images > 0) {
    json["top1"] = row.top1;
    json["images"] = row.images;
    json["interval"] = pair_to_json(row.interval);
  }
  if (row.mean_ms) {
    json["mean_ms"] = rounded(*row.mean_ms);
    json["mean_interval_ms"] = rounded(row.mean_interval);
  }
  if (row.predicted_ms) json["predicted_ms"] = rounded(*row.predicted_ms);
  return json;
}

Interval interval_from_json(Fields& fields, const std::string& key, Interval fallback) {
  if (!fields.has(key)) return fallback;
  const Json& pair = fields.at(key);
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number())
    fields.fail(key, "must be two numbers: " + pair.dump());
  return {pair[0].get<double>(), pair[1].get<double>()};
}

ResultRow row_from_json(Fields fields) {
  ResultRow row;
  row.network = fields.string("network");
  row.link = fields.string("link");
  row.strategy = fields.string("strategy");
  row.top1 = amount(fields, "top1", 0);
  row.images = fields.integer("images", 0);
  row.interval = interval_from_json(fields, "interval", {0, 1});
  row.bytes_per_frame = amount(fields, "bytes_per_frame", 0);
  row.on_air_bytes = amount(fields, "on_air_bytes", 0);
  row.answer_bytes = amount(fields, "answer_bytes", 0);
  row.p50_ms = amount(fields, "p50_ms", 0);
  row.p95_ms = amount(fields, "p95_ms", 0);
  if (fields.has("mean_ms")) row.mean_ms = amount(fields, "mean_ms", 0);
  row.mean_interval = interval_from_json(fields, "mean_interval_ms", {});
  row.spans = read_map<double>(fields, "spans");
  row.frames = fields.integer("frames", 0);
  if (fields.has("predicted_ms")) row.predicted_ms = amount(fields, "predicted_ms", 0);
  row.energy_mj = amount(fields, "energy_mj", 0);
  row.trained = fields.boolean("trained", false);
  row.mode = fields.string("mode", "real");
  row.estimate = fields.boolean("estimate", false);
  return row;
}

Json winner_to_json(const ResultWinner& winner) {
  return {{"network", winner.network},
          {"link", winner.link},
          {"strategy", winner.strategy},
          {"criterion", winner.criterion},
          {"why", winner.why}};
}

ResultWinner winner_from_json(Fields fields) {
  ResultWinner winner;
  winner.network = fields.string("network");
  winner.link = fields.string("link");
  winner.strategy = fields.string("strategy");
  winner.criterion = fields.string("criterion", "latency");
  winner.why = fields.string("why", "");
  return winner;
}

void check_networks(const LabResults& results, const std::string& where) {
  std::vector<std::string> names;
  for (const auto& network : results.networks) names.push_back(network.name);
  const auto check = [&](const std::string& list, std::size_t index, const std::string& name) {
    if (std::ranges::find(names, name) != names.end()) return;
    throw Error(ErrorKind::kInvalid, where + ": " + list + "[" + std::to_string(index) +
                                         "].network is not in networks: " + name +
                                         suggestion(name, names));
  };
  for (std::size_t i = 0; i < results.rows.size(); ++i) check("rows", i, results.rows[i].network);
  for (std::size_t i = 0; i < results.winners.size(); ++i)
    check("winners", i, results.winners[i].network);
}

std::vector<std::string> distinct(const std::vector<ResultRow>& rows, std::string_view network,
                                  std::string ResultRow::* member) {
  std::vector<std::string> names;
  for (const auto& row : rows)
    if (row.network == network && std::ranges::find(names, row.*member) == names.end())
      names.push_back(row.*member);
  return names;
}

}  // namespace

std::vector<std::string> LabResults::links_of(std::string_view network) const {
  return distinct(rows, network, &ResultRow::link);
}

std::vector<std::string> LabResults::strategies_of(std::string_view network) const {
  return distinct(rows, network, &ResultRow::strategy);
}

const ResultRow* LabResults::find(std::string_view network, std::string_view link,
                                  std::string_view strategy) const {
  const auto row = std::ranges::find_if(rows, [&](const ResultRow& r) {
    return r.network == network && r.link == link && r.strategy == strategy;
  });
  return row == rows.end() ? nullptr : &*row;
}

Json to_json(const LabResults& results) {
  Json json = {{"schema", std::string(kSchemaName) + "/" + std::to_string(kSchemaVersion)},
               {"title", results.title},
               {"machine", machine_to_json(results.machine)},
               {"date", results.date},
               {"seed", results.seed},
               {"command", results.command},
               {"device", results.device},
               {"server", results.server}};
  json["networks"] = Json::array();
  for (const auto& network : results.networks) json["networks"].push_back(network_to_json(network));
  json["links"] = Json::array();
  for (const auto& link : results.links) json["links"].push_back(link_to_json(link));
  json["rows"] = Json::array();
  for (const auto& row : results.rows) json["rows"].push_back(row_to_json(row));
  json["winners"] = Json::array();
  for (const auto& winner : results.winners) json["winners"].push_back(winner_to_json(winner));
  json["notes"] = results.notes;
  return json;
}

LabResults results_from_json(const Json& document, const std::string& where) {
  Fields fields(document, where);
  fields.expect_schema(kSchemaName, kSchemaVersion);
  LabResults results;
  results.title = fields.string("title", "");
  if (fields.has("machine")) results.machine = machine_from_json(fields.object("machine"));
  results.date = fields.string("date", "");
  results.seed = static_cast<std::uint64_t>(fields.integer("seed", 0));
  results.command = fields.string("command", "");
  results.device = fields.string("device", "");
  results.server = fields.string("server", "");
  if (fields.has("networks"))
    for (auto& each : fields.objects("networks"))
      results.networks.push_back(network_from_json(each));
  if (fields.has("links"))
    for (auto& each : fields.objects("links")) results.links.push_back(result_link_from_json(each));
  for (auto& each : fields.objects("rows")) results.rows.push_back(row_from_json(each));
  if (fields.has("winners"))
    for (auto& each : fields.objects("winners")) results.winners.push_back(winner_from_json(each));
  if (fields.has("notes")) results.notes = fields.strings("notes");
  check_networks(results, where);
  return results;
}

}  // namespace isthmus
