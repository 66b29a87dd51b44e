#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isthmus {

// The options of `isthmus train`, which `isthmus-train` takes as they are.
struct TrainArgs {
  std::string recipe;
  std::string folder;
  // Instead of training.
  bool first_stage = false;
  bool resume = false;
  std::vector<std::string> begin_with;
  std::string device = "cpu";
  int threads = 2;
  std::int64_t limit_images = 0;
  std::optional<std::int64_t> seed;
  bool json = false;
};

// Adds them to a command, or to a program of their own.
void add_train_options(CLI::App* command, TrainArgs& args);
inline constexpr const char* kTrainExample = "isthmus train recipes/signs/split-3ch.yaml -o out";

// The arguments that give these options again.
std::vector<std::string> to_arguments(const TrainArgs& args);

}  // namespace isthmus
