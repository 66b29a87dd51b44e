#include "train/shared_beginning.h"

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "train/result_files.h"
#include "train/task.h"

namespace isthmus {
namespace {

// A file's content rather than where it lies.
std::string identity_of(const Recipe& recipe, const std::string& model) {
  if (model.empty()) return model;
  const std::string found = find_model(recipe, model);
  return std::filesystem::is_regular_file(found) ? sha256(read_file(found)) : found;
}

// The last file is of a training that is done and has no more stages than these.
std::optional<Checkpoint> checkpoint_after(const std::filesystem::path& folder, std::size_t stages,
                                           const std::string& hash) {
  for (const auto& file : {stages_file(folder, stages), checkpoint_file(folder)}) {
    auto checkpoint = read_checkpoint(file);
    if (checkpoint && checkpoint->state.value("stage", std::size_t{0}) == stages &&
        checkpoint->state.value("recipe", "") == hash)
      return checkpoint;
  }
  return std::nullopt;
}

}  // namespace

std::string training_hash(const Recipe& recipe) {
  Json document = to_json(recipe);
  document["teacher"] = identity_of(recipe, recipe.teacher);
  document["student"]["model"] = identity_of(recipe, recipe.student.model);
  for (const char* free : {"name", "note", "cost", "wire", "cache_mb"}) document.erase(free);
  document["data"].erase("test");
  document["data"].erase("test_limit");
  return sha256(document.dump());
}

std::string training_hash(Recipe recipe, std::size_t stages) {
  recipe.stages.resize(stages);
  return training_hash(recipe);
}

std::optional<SharedBeginning> shared_beginning(const Recipe& recipe,
                                                std::span<const std::filesystem::path> folders) {
  for (const std::filesystem::path& folder : folders)
    if (!std::filesystem::exists(checkpoint_file(folder)))
      throw Error(ErrorKind::kNotFound, "no training to begin with in " + folder.string());
  for (std::size_t stages = recipe.stages.size() - 1; stages > 0; --stages) {
    const std::string hash = training_hash(recipe, stages);
    for (const std::filesystem::path& folder : folders)
      if (auto checkpoint = checkpoint_after(folder, stages, hash))
        return SharedBeginning{
            .folder = folder, .stages = stages, .checkpoint = std::move(*checkpoint)};
  }
  return std::nullopt;
}

}  // namespace isthmus
