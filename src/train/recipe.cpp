#include "train/recipe.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "codec/codec.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

template <typename T>
struct Word {
  T value;
  const char* text;
};

constexpr Word<RecipeKind> kKinds[] = {
    {RecipeKind::kBottleneck, "bottleneck"}, {RecipeKind::kAutoencoder, "autoencoder"},
    {RecipeKind::kNarrow, "narrow"},         {RecipeKind::kMimic, "mimic"},
    {RecipeKind::kClassifier, "classifier"}, {RecipeKind::kNetwork, "network"}};
constexpr Word<LossKind> kLosses[] = {{LossKind::kSse, "sse"},
                                      {LossKind::kGhnd, "ghnd"},
                                      {LossKind::kCrossEntropy, "cross_entropy"},
                                      {LossKind::kDistillation, "distillation"},
                                      {LossKind::kReconstruction, "reconstruction"}};
constexpr Word<KlDirection> kDirections[] = {
    {KlDirection::kTeacherToStudent, "teacher_to_student"},
    {KlDirection::kStudentToTeacher, "student_to_teacher"}};
constexpr Word<OptimizerKind> kOptimizers[] = {{OptimizerKind::kAdam, "adam"},
                                               {OptimizerKind::kSgd, "sgd"}};
constexpr Word<RateSchedule> kSchedules[] = {{RateSchedule::kStep, "step"},
                                             {RateSchedule::kCosine, "cosine"}};
constexpr Word<Border> kBorders[] = {{Border::kZero, "zero"}, {Border::kReflect, "reflect"}};
constexpr Word<Precision> kPrecisions[] = {{Precision::kF32, "f32"}, {Precision::kBf16, "bf16"}};

template <typename T, std::size_t N>
const char* text_of(T value, const Word<T> (&words)[N]) {
  return std::ranges::find(words, value, &Word<T>::value)->text;
}

[[noreturn]] void fail_word(const Fields& fields, const std::string& key, const std::string& text,
                            const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& word : known) list += (list.empty() ? "" : ", ") + word;
  fields.fail(key, "must be one of " + list + ": " + text + suggestion(text, known));
}

template <typename T, std::size_t N>
T choice(Fields& fields, const std::string& key, T fallback, const Word<T> (&words)[N]) {
  const std::string text = fields.string(key, text_of(fallback, words));
  std::vector<std::string> known;
  for (const Word<T>& word : words) {
    if (text == word.text) return word.value;
    known.emplace_back(word.text);
  }
  fail_word(fields, key, text, known);
}

void check_words(const Fields& fields, const std::string& key,
                 const std::vector<std::string>& words, const std::vector<std::string>& known) {
  for (const std::string& word : words)
    if (std::ranges::find(known, word) == known.end()) fail_word(fields, key, word, known);
}

double amount(Fields& fields, const std::string& key, double fallback) {
  const double value = fields.number(key, fallback);
  if (!(value >= 0) || !std::isfinite(value))
    fields.fail(key, "must be a finite number >= 0: " + std::to_string(value));
  return value;
}

std::int64_t whole(Fields& fields, const std::string& key, std::int64_t fallback, std::int64_t low,
                   std::int64_t high = 1'000'000'000) {
  const std::int64_t value = fields.integer(key, fallback);
  if (value < low || value > high)
    fields.fail(key, "must be a whole number from " + std::to_string(low) + " to " +
                         std::to_string(high) + ": " + std::to_string(value));
  return value;
}

std::vector<double> numbers(Fields& fields, const std::string& key) {
  std::vector<double> list;
  if (!fields.has(key)) return list;
  const Json& values = fields.at(key);
  const auto is_amount = [](const Json& value) { return value.is_number() && value >= 0; };
  if (!values.is_array() || !std::ranges::all_of(values, is_amount))
    fields.fail(key, "must be a list of numbers >= 0: " + values.dump());
  return values.get<std::vector<double>>();
}

void read_channels(Fields& fields, const std::string& key, std::array<double, 3>& channels) {
  const std::vector<double> values = numbers(fields, key);
  if (values.empty()) return;
  if (values.size() != 3) fields.fail(key, "must be three numbers, for red, green and blue");
  std::ranges::copy(values, channels.begin());
}

bool uses_teacher(LossKind kind) { return kind != LossKind::kCrossEntropy; }

// A field that an object may leave out altogether.
template <typename T, typename Read>
T optional_object(Fields& fields, const std::string& key, Read read) {
  static const Json empty = Json::object();
  if (!fields.has(key)) return read(Fields(empty, fields.where() + ": " + key));
  return read(fields.object(key));
}

StudentRecipe read_student(Fields fields) {
  StudentRecipe student;
  student.kind = choice(fields, "kind", student.kind, kKinds);
  student.model = fields.string("model", "");
  student.until = fields.string("until", "");
  student.preset = fields.string("preset", student.preset);
  student.channels = static_cast<int>(whole(fields, "channels", student.channels, 0, 65536));
  student.patch = static_cast<int>(whole(fields, "patch", student.patch, 0, 65536));
  student.budget = amount(fields, "budget", student.budget);
  student.linear = fields.boolean("linear", student.linear);
  const bool network = student.kind == RecipeKind::kNetwork;
  if (network && student.model.empty())
    fields.fail("model", "is missing: a network from scratch needs one, as zoo:resnet20");
  if (!network && !student.model.empty()) fields.fail("model", "is for kind network only");
  const bool replaces = !network && student.kind != RecipeKind::kClassifier;
  if (replaces && student.until.empty())
    fields.fail("until", "is missing: the teacher's tensor that is to be reproduced");
  fields.finish();
  return student;
}

DataRecipe read_data(Fields fields) {
  DataRecipe data;
  data.name = fields.string("name");
  data.test = fields.string("test", data.name);
  data.augment = fields.strings("augment");
  check_words(fields, "augment", data.augment, {"crop", "flip"});
  data.padding = static_cast<int>(whole(fields, "padding", data.padding, 0, 4096));
  data.border = choice(fields, "border", data.border, kBorders);
  data.least_area = amount(fields, "least_area", data.least_area);
  if (data.least_area > 1) fields.fail("least_area", "must be at most 1");
  data.validation = fields.number("validation", data.validation);
  if (!(data.validation >= 0 && data.validation < 1))
    fields.fail("validation", "must be at least 0 and less than 1");
  data.limit = whole(fields, "limit", data.limit, 0);
  data.test_limit = whole(fields, "test_limit", data.test_limit, 0);
  read_channels(fields, "mean", data.mean);
  read_channels(fields, "std", data.std);
  if (std::ranges::any_of(data.std, [](double std) { return !(std > 0); }))
    fields.fail("std", "must be positive");
  fields.finish();
  return data;
}

LossRecipe read_loss(Fields fields) {
  LossRecipe loss;
  loss.kind = choice(fields, "kind", loss.kind, kLosses);
  loss.at = fields.strings("at");
  loss.weights = numbers(fields, "weights");
  loss.hard_weight = amount(fields, "hard_weight", loss.hard_weight);
  loss.soft_weight = amount(fields, "soft_weight", std::max(0.0, 1 - loss.hard_weight));
  loss.temperature = fields.number("temperature", loss.temperature);
  loss.direction = choice(fields, "direction", loss.direction, kDirections);
  loss.label_smoothing = amount(fields, "label_smoothing", loss.label_smoothing);
  loss.rate_weight = amount(fields, "rate_weight", loss.rate_weight);
  loss.rate_levels = static_cast<int>(whole(fields, "rate_levels", loss.rate_levels, 2, 256));
  if (!(loss.temperature > 0)) fields.fail("temperature", "must be positive");
  if (loss.label_smoothing > 1) fields.fail("label_smoothing", "must be at most 1");
  if (loss.kind == LossKind::kSse && loss.at.size() > 1)
    fields.fail("at", "must name one tensor for sse; ghnd takes several");
  if (!loss.weights.empty() && loss.weights.size() != loss.at.size())
    fields.fail("weights", "must have one number for each tensor of `at`");
  fields.finish();
  return loss;
}

OptimizerRecipe read_optimizer(Fields fields) {
  OptimizerRecipe optimizer;
  optimizer.kind = choice(fields, "kind", optimizer.kind, kOptimizers);
  optimizer.rate = fields.number("rate", optimizer.rate);
  optimizer.schedule = choice(fields, "schedule", optimizer.schedule, kSchedules);
  optimizer.decay_epochs =
      static_cast<int>(whole(fields, "decay_epochs", optimizer.decay_epochs, 0));
  optimizer.decay = amount(fields, "decay", optimizer.decay);
  optimizer.batch = static_cast<int>(whole(fields, "batch", optimizer.batch, 1, 1 << 20));
  optimizer.weight_decay = amount(fields, "weight_decay", optimizer.weight_decay);
  optimizer.momentum = amount(fields, "momentum", optimizer.momentum);
  optimizer.nesterov = fields.boolean("nesterov", optimizer.nesterov);
  if (!(optimizer.rate > 0)) fields.fail("rate", "must be positive");
  if (optimizer.momentum >= 1) fields.fail("momentum", "must be less than 1");
  fields.finish();
  return optimizer;
}

// What a stage trains unless told otherwise: what its loss is for.
std::vector<std::string> default_regions(RecipeKind kind, LossKind loss) {
  const bool task = loss == LossKind::kCrossEntropy || loss == LossKind::kDistillation;
  if (task || kind == RecipeKind::kClassifier || kind == RecipeKind::kNetwork)
    return regions_of(kind);
  return {"encoder", "decoder"};
}

StageRecipe read_stage(Fields fields, std::size_t index, const Recipe& recipe) {
  StageRecipe stage;
  stage.name = fields.string("name", "stage" + std::to_string(index + 1));
  stage.epochs = static_cast<int>(whole(fields, "epochs", stage.epochs, 1, 1'000'000));
  stage.loss = optional_object<LossRecipe>(fields, "loss", read_loss);
  stage.optimizer = optional_object<OptimizerRecipe>(fields, "optimizer", read_optimizer);
  const RecipeKind kind = recipe.student.kind;
  const bool chosen = fields.has("trains");
  stage.trains = chosen ? fields.strings("trains") : default_regions(kind, stage.loss.kind);
  check_words(fields, "trains", stage.trains, regions_of(kind));
  if (stage.trains.empty()) fields.fail("trains", "must name something");
  const bool without_teacher = kind == RecipeKind::kNetwork || kind == RecipeKind::kClassifier;
  if (without_teacher && uses_teacher(stage.loss.kind))
    fields.fail("loss", std::string("must be cross_entropy for kind ") + text_of(kind, kKinds) +
                            ", which has no teacher for these classes");
  if (without_teacher && stage.loss.rate_weight > 0)
    fields.fail("loss", "has a rate_weight, but there is no bottleneck");
  fields.finish();
  return stage;
}

WireRecipe read_wire(Fields fields) {
  WireRecipe wire;
  wire.codec = fields.string("codec", wire.codec);
  const CodecKind kind = codec_spec_from_string(wire.codec).kind;
  if (kind != CodecKind::kF32 && kind != CodecKind::kF16 && kind != CodecKind::kU8 &&
      kind != CodecKind::kU8Rans)
    fields.fail("codec", "must be f32, f16, u8 or u8+rans: " + wire.codec);
  wire.images = static_cast<int>(whole(fields, "images", wire.images, 1));
  wire.levels = static_cast<int>(whole(fields, "levels", wire.levels, 0, 256));
  wire.tolerance = amount(fields, "tolerance", wire.tolerance);
  if (wire.levels == 1) fields.fail("levels", "must be 0, or at least 2");
  fields.finish();
  return wire;
}

Json to_json(const LossRecipe& loss) {
  return {{"kind", text_of(loss.kind, kLosses)},
          {"at", loss.at},
          {"weights", loss.weights},
          {"hard_weight", loss.hard_weight},
          {"soft_weight", loss.soft_weight},
          {"temperature", loss.temperature},
          {"direction", text_of(loss.direction, kDirections)},
          {"label_smoothing", loss.label_smoothing},
          {"rate_weight", loss.rate_weight},
          {"rate_levels", loss.rate_levels}};
}

Json to_json(const OptimizerRecipe& optimizer) {
  return {{"kind", text_of(optimizer.kind, kOptimizers)},
          {"rate", optimizer.rate},
          {"schedule", text_of(optimizer.schedule, kSchedules)},
          {"decay_epochs", optimizer.decay_epochs},
          {"decay", optimizer.decay},
          {"batch", optimizer.batch},
          {"weight_decay", optimizer.weight_decay},
          {"momentum", optimizer.momentum},
          {"nesterov", optimizer.nesterov}};
}

Json to_json(const DataRecipe& data) {
  return {{"name", data.name},
          {"test", data.test},
          {"augment", data.augment},
          {"padding", data.padding},
          {"border", text_of(data.border, kBorders)},
          {"least_area", data.least_area},
          {"validation", data.validation},
          {"limit", data.limit},
          {"test_limit", data.test_limit},
          {"mean", data.mean},
          {"std", data.std}};
}

Json to_json(const StudentRecipe& student) {
  return {{"kind", text_of(student.kind, kKinds)},
          {"model", student.model},
          {"until", student.until},
          {"preset", student.preset},
          {"channels", student.channels},
          {"patch", student.patch},
          {"budget", student.budget},
          {"linear", student.linear}};
}

Json to_json(const WireRecipe& wire) {
  return {{"codec", wire.codec},
          {"images", wire.images},
          {"levels", wire.levels},
          {"tolerance", wire.tolerance}};
}

}  // namespace

std::string_view to_string(RecipeKind kind) { return text_of(kind, kKinds); }
std::string_view to_string(LossKind kind) { return text_of(kind, kLosses); }

std::vector<std::string> regions_of(RecipeKind kind) {
  if (kind == RecipeKind::kNetwork) return {"body"};
  if (kind == RecipeKind::kClassifier) return {"classifier", "body"};
  return {"encoder", "decoder", "tail"};
}

Recipe recipe_from_json(const Json& document, const std::string& where, const fs::path& folder) {
  Fields fields(document, where);
  fields.expect_schema("isthmus.recipe", 1);
  Recipe recipe;
  recipe.folder = folder;
  recipe.name = fields.string("name", fs::path(where).stem().string());
  recipe.note = fields.string("note", "");
  recipe.cost = fields.string("cost", recipe.cost);
  check_words(fields, "cost", {recipe.cost}, {"cpu", "full"});
  recipe.student = read_student(fields.object("student"));
  recipe.teacher = fields.string("teacher", "");
  if (recipe.student.kind == RecipeKind::kNetwork && !recipe.teacher.empty())
    fields.fail("teacher", "must be left out for kind network");
  if (recipe.student.kind != RecipeKind::kNetwork && recipe.teacher.empty())
    fields.fail("teacher", "is missing");
  recipe.data = read_data(fields.object("data"));
  std::vector<Fields> stages = fields.objects("stages");
  if (stages.empty()) fields.fail("stages", "must list at least one");
  for (const Fields& stage : stages)
    recipe.stages.push_back(read_stage(stage, recipe.stages.size(), recipe));
  recipe.wire = optional_object<WireRecipe>(fields, "wire", read_wire);
  recipe.seed = static_cast<std::uint64_t>(
      whole(fields, "seed", static_cast<std::int64_t>(recipe.seed), 0, std::int64_t{1} << 53));
  recipe.precision = choice(fields, "precision", recipe.precision, kPrecisions);
  recipe.cache_mb = static_cast<int>(whole(fields, "cache_mb", recipe.cache_mb, 0, 1 << 24));
  fields.finish();
  return recipe;
}

Recipe read_recipe(const fs::path& file) {
  return recipe_from_json(read_document(file), file.string(), file.parent_path());
}

Json to_json(const Recipe& recipe) {
  Json stages = Json::array();
  for (const StageRecipe& stage : recipe.stages)
    stages.push_back({{"name", stage.name},
                      {"epochs", stage.epochs},
                      {"trains", stage.trains},
                      {"loss", to_json(stage.loss)},
                      {"optimizer", to_json(stage.optimizer)}});
  return {{"schema", "isthmus.recipe/1"},
          {"name", recipe.name},
          {"note", recipe.note},
          {"cost", recipe.cost},
          {"teacher", recipe.teacher},
          {"student", to_json(recipe.student)},
          {"data", to_json(recipe.data)},
          {"stages", stages},
          {"wire", to_json(recipe.wire)},
          {"seed", recipe.seed},
          {"precision", text_of(recipe.precision, kPrecisions)},
          {"cache_mb", recipe.cache_mb}};
}

}  // namespace isthmus
