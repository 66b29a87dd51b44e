#include "core/training_results.h"

#include <algorithm>
#include <cmath>

namespace isthmus {
namespace {

constexpr const char* kSchemaName = "isthmus.training";
constexpr int kSchemaVersion = 1;

double finite(Fields& fields, const std::string& key) {
  const double value = fields.number(key);
  if (!std::isfinite(value)) fields.fail(key, "must be a finite number");
  return value;
}

std::optional<double> maybe(Fields& fields, const std::string& key) {
  if (!fields.has(key)) return std::nullopt;
  return finite(fields, key);
}

Json epoch_to_json(const EpochResult& epoch) {
  Json json = {{"rate", epoch.rate}, {"loss", epoch.loss}};
  if (epoch.validation_loss) json["validation_loss"] = *epoch.validation_loss;
  if (epoch.validation_top1) json["validation_top1"] = *epoch.validation_top1;
  if (epoch.bits) json["bits"] = *epoch.bits;
  json["images_per_second"] = epoch.images_per_second;
  json["seconds"] = epoch.seconds;
  return json;
}

EpochResult epoch_from_json(Fields fields) {
  EpochResult epoch;
  epoch.rate = finite(fields, "rate");
  epoch.loss = finite(fields, "loss");
  epoch.validation_loss = maybe(fields, "validation_loss");
  epoch.validation_top1 = maybe(fields, "validation_top1");
  epoch.bits = maybe(fields, "bits");
  epoch.images_per_second = finite(fields, "images_per_second");
  epoch.seconds = finite(fields, "seconds");
  return epoch;
}

Json stage_to_json(const StageResult& stage) {
  Json epochs = Json::array();
  for (const EpochResult& epoch : stage.epochs) epochs.push_back(epoch_to_json(epoch));
  return {{"name", stage.name}, {"loss", stage.loss}, {"epochs", epochs}};
}

StageResult stage_from_json(Fields fields) {
  StageResult stage;
  stage.name = fields.string("name");
  stage.loss = fields.string("loss");
  for (const Fields& epoch : fields.objects("epochs"))
    stage.epochs.push_back(epoch_from_json(epoch));
  return stage;
}

Json codec_to_json(const CodecResult& result) {
  return {{"codec", result.codec},
          {"top1", result.top1},
          {"images", result.images},
          {"interval", {result.interval.low, result.interval.high}},
          {"bytes_per_frame", result.bytes_per_frame},
          {"levels", result.levels},
          {"bits_per_element", result.bits_per_element}};
}

CodecResult codec_from_json(Fields fields) {
  CodecResult result;
  result.codec = fields.string("codec");
  result.top1 = finite(fields, "top1");
  result.images = fields.integer("images");
  const Json& pair = fields.at("interval");
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number())
    fields.fail("interval", "must be two numbers: " + pair.dump());
  result.interval = {pair[0].get<double>(), pair[1].get<double>()};
  result.bytes_per_frame = finite(fields, "bytes_per_frame");
  result.levels = static_cast<int>(fields.integer("levels", 0));
  result.bits_per_element = fields.number("bits_per_element", 0);
  return result;
}

}  // namespace

const CodecResult* TrainingResults::find(const std::string& wanted) const {
  const auto found = std::ranges::find(results, wanted, &CodecResult::codec);
  return found == results.end() ? nullptr : &*found;
}

Json to_json(const TrainingResults& results) {
  Json stages = Json::array();
  for (const StageResult& stage : results.stages) stages.push_back(stage_to_json(stage));
  Json codecs = Json::array();
  for (const CodecResult& result : results.results) codecs.push_back(codec_to_json(result));
  Json json = {
      {"schema", std::string(kSchemaName) + '/' + std::to_string(kSchemaVersion)},
      {"name", results.name},
      {"note", results.note},
      {"kind", results.kind},
      {"teacher", results.teacher},
      {"dataset", results.dataset},
      {"test_dataset", results.test_dataset},
      {"command", results.command},
      {"date", results.date},
      {"machine", {{"cpu", results.cpu}, {"cores", results.cores}, {"version", results.version}}},
      {"device", results.device},
      {"precision", results.precision},
      {"processes", results.processes},
      {"threads", results.threads},
      {"seed", results.seed},
      {"training_images", results.training_images},
      {"validation_images", results.validation_images},
      {"params", results.params},
      {"macs", results.macs},
      {"codec", results.codec}};
  if (!results.student.is_null()) json["student"] = results.student;
  if (results.untrained_top1) json["untrained_top1"] = *results.untrained_top1;
  json["results"] = std::move(codecs);
  json["stages"] = std::move(stages);
  return json;
}

TrainingResults training_results_from_json(const Json& document, const std::string& where) {
  Fields fields(document, where);
  fields.expect_schema(kSchemaName, kSchemaVersion);
  TrainingResults results;
  results.name = fields.string("name");
  results.note = fields.string("note", "");
  results.kind = fields.string("kind");
  results.teacher = fields.string("teacher", "");
  results.dataset = fields.string("dataset", "");
  results.test_dataset = fields.string("test_dataset", "");
  results.command = fields.string("command", "");
  results.date = fields.string("date", "");
  if (fields.has("machine")) {
    Fields machine = fields.object("machine");
    results.cpu = machine.string("cpu", "");
    results.cores = static_cast<int>(machine.integer("cores", 0));
    results.version = machine.string("version", "");
  }
  results.device = fields.string("device", "");
  results.precision = fields.string("precision", "");
  results.processes = static_cast<int>(fields.integer("processes", 1));
  results.threads = static_cast<int>(fields.integer("threads", 1));
  results.seed = static_cast<std::uint64_t>(fields.integer("seed", 0));
  results.training_images = fields.integer("training_images", 0);
  results.validation_images = fields.integer("validation_images", 0);
  results.params = fields.integer("params", 0);
  results.macs = fields.integer("macs", 0);
  if (fields.has("student")) results.student = fields.at("student");
  results.codec = fields.string("codec", "");
  results.untrained_top1 = maybe(fields, "untrained_top1");
  for (const Fields& codec : fields.objects("results"))
    results.results.push_back(codec_from_json(codec));
  for (const Fields& stage : fields.objects("stages"))
    results.stages.push_back(stage_from_json(stage));
  return results;
}

}  // namespace isthmus
