#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "core/training_results.h"
#include "train/recipe.h"

namespace isthmus {

// Where a training run is.
struct TrainStatus {
  std::string stage;
  // From 1.
  int epoch = 0;
  int epochs = 0;
  // Images of this epoch.
  std::int64_t done = 0;
  std::int64_t total = 0;
  double images_per_second = 0;
  // Until the last stage is done, as far as the speed until now tells.
  double seconds_left = 0;
  // Mean over the epoch so far.
  double loss = 0;
};

struct TrainOptions {
  // The result goes here: checkpoint.bin and metrics.json after every epoch, the networks, plan and
  // recipe at the end.
  std::filesystem::path folder;
  // What makes the result again; recorded.
  std::string command;
  // Goes on from the folder's checkpoint; from the beginning where there is none.
  bool resume = false;
  // Folders of other trainings: the most first stages that one of them shares with this recipe are
  // taken over.
  std::vector<std::filesystem::path> begin_with;
  // "cpu", "cuda", "cuda:1".
  std::string device = "cpu";
  // Of libtorch, and images at a time for reading and for accuracies.
  int threads = 2;
  // One line about what was done, what is being done now, and a bar for what is no epoch. Called by
  // the first process only.
  std::function<void(const std::string&)> say = [](const std::string&) {};
  std::function<void(const TrainStatus&)> status = [](const TrainStatus&) {};
  std::function<Progress(const std::string&)> progress = [](const std::string&) {
    return Progress();
  };
};

// Trains what the recipe says and writes it down as a network, or as the parts and the plan of a
// network that is cut (docs/formats/recipe.md). Several processes, started as torchrun starts them,
// train one network (train/workers.h).
//
// Throws Error{kInvalid} for a folder that holds another result, a recipe that does not fit its
// networks or data, and a loss that is no longer finite (saying at which step); Error{kIo} for a
// full disk; Error{kInterrupted}. Whatever happens, the last checkpoint stays whole.
TrainingResults train(const Recipe& recipe, const TrainOptions& options);

// Equal for recipes whose first stage is the same training: a hash of all that it depends on, seed,
// data and the teacher's content included.
std::string first_stage_of(const Recipe& recipe);

}  // namespace isthmus
