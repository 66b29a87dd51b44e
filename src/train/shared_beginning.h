#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "train/checkpoint.h"
#include "train/recipe.h"

namespace isthmus {

// What a checkpoint belongs to: a hash of all that training depends on, the teacher's content
// included. The wire and the test images are not among it, so they may change when a finished run
// is resumed.
std::string training_hash(const Recipe& recipe);
// The same of a recipe that ends after its first `stages` stages: recipes with the same one begin
// alike.
std::string training_hash(Recipe recipe, std::size_t stages);

// What another training has done that a recipe begins with too.
struct SharedBeginning {
  std::filesystem::path folder;
  std::size_t stages = 0;
  // After these stages.
  Checkpoint checkpoint;
};

// The most stages, but not all, that a training in one of the folders has done; of equals the
// first. Nothing if no folder has even the first stage. Throws Error{kNotFound} for a folder
// without a training.
std::optional<SharedBeginning> shared_beginning(const Recipe& recipe,
                                                std::span<const std::filesystem::path> folders);

}  // namespace isthmus
