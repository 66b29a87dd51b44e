#include <algorithm>
#include <cctype>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "plan/plan.h"

namespace isthmus {
namespace {

constexpr std::size_t kMaxPlans = 1000;

// What `file` holds, checked by hash; `who` names it in messages.
std::shared_ptr<const std::string> read_checked(const std::filesystem::path& file,
                                                const std::string& hash, const std::string& who) {
  auto bytes = std::make_shared<const std::string>(read_file(file));
  if (const std::string found = sha256(*bytes); found != hash)
    throw Error(ErrorKind::kInvalid,
                who + ": " + file.string() + " is not what the plan names: its SHA-256 is " +
                    found.substr(0, 12) + "... instead of " + hash.substr(0, 12) + "...");
  return bytes;
}

LoadedPlan load_plan(const Json& document, const std::filesystem::path& file) {
  LoadedPlan loaded{.plan = plan_from_json(document, file.string()), .parts = {}, .tables = {}};
  const auto folder = file.parent_path();
  for (const PlacedPart& part : loaded.plan.parts)
    loaded.parts[part.name] =
        read_checked(folder / part.file, part.sha256, file.string() + ": part " + part.name);
  for (const PlanEdge& edge : loaded.plan.edges) {
    const PlanCodec& codec = edge.codec;
    if (codec.table_sha256.empty() || loaded.tables.contains(codec.table_sha256)) continue;
    loaded.tables[codec.table_sha256] = read_checked(
        folder / codec.table, codec.table_sha256, file.string() + ": edge " + edge_name(edge.edge));
  }
  return loaded;
}

bool is_ladder(const Json& document) {
  const auto schema = document.is_object() ? document.find("schema") : document.end();
  return schema != document.end() && schema->is_string() &&
         schema->get<std::string>().starts_with("isthmus.ladder/");
}

// Files named by hash are the same whatever plan they belong to.
void write_once(const std::filesystem::path& file, const std::string& bytes) {
  std::error_code ignored;
  if (std::filesystem::file_size(file, ignored) == bytes.size() && !ignored &&
      sha256(read_file(file)) == sha256(bytes))
    return;
  write_file(file, std::string_view(bytes));
}

void save_plan_with(const LoadedPlan& loaded, const std::filesystem::path& file,
                    const std::string& parts_folder) {
  Plan plan = loaded.plan;
  const auto folder = file.parent_path();
  for (PlacedPart& part : plan.parts) {
    part.file = parts_folder + '/' + part.sha256 + ".onnx";
    write_once(folder / part.file, *loaded.parts.at(part.name));
  }
  for (PlanEdge& edge : plan.edges) {
    if (edge.codec.table_sha256.empty()) continue;
    edge.codec.table = parts_folder + '/' + edge.codec.table_sha256 + ".table";
    write_once(folder / edge.codec.table, *loaded.tables.at(edge.codec.table_sha256));
  }
  write_document(file, to_json(plan));
}

std::string parts_folder_of(const std::filesystem::path& file) {
  return file.stem().string() + ".parts";
}

// "cut:features.3/u8+rans" -> "cut-features.3-u8-rans".
std::string file_name_of(const std::string& plan) {
  std::string name = plan;
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '_'; }, '-');
  return name.substr(0, 80);
}

}  // namespace

std::vector<LoadedPlan> read_ladder(const std::filesystem::path& file) {
  const Json document = read_document(file);
  std::vector<LoadedPlan> ladder;
  if (!is_ladder(document)) {
    ladder.push_back(load_plan(document, file));
    return ladder;
  }
  for (const std::string& name : ladder_from_json(document, file.string())) {
    const auto plan_file = file.parent_path() / name;
    ladder.push_back(load_plan(read_document(plan_file), plan_file));
  }
  return ladder;
}

std::vector<std::string> ladder_from_json(const Json& document, const std::string& where) {
  Fields fields(document, where);
  fields.expect_schema("isthmus.ladder", 1);
  auto plans = fields.strings("plans");
  if (plans.empty()) fields.fail("plans", "must name at least one plan file");
  if (plans.size() > kMaxPlans) fields.fail("plans", "must name at most 1000 plan files");
  fields.finish();
  return plans;
}

void save_plan(const LoadedPlan& plan, const std::filesystem::path& file) {
  save_plan_with(plan, file, parts_folder_of(file));
}

void save_ladder(const std::vector<LoadedPlan>& ladder, const std::filesystem::path& file) {
  if (ladder.empty()) throw Error(ErrorKind::kInvalid, file.string() + ": a ladder needs a plan");
  Json document{{"schema", "isthmus.ladder/1"}, {"plans", Json::array()}};
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    const std::string name = file.stem().string() + '.' + std::to_string(i + 1) + '-' +
                             file_name_of(ladder[i].plan.name) + file.extension().string();
    save_plan_with(ladder[i], file.parent_path() / name, parts_folder_of(file));
    document["plans"].push_back(name);
  }
  write_document(file, document);
}

}  // namespace isthmus
