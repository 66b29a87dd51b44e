#include "cli/train_options.h"

namespace isthmus {

void add_train_options(CLI::App* command, TrainArgs& args) {
  command->add_option("recipe", args.recipe, "Recipe file (docs/formats/recipe.md)")->required();
  command->add_option("-o,--output", args.folder, "Folder for networks, plan and metrics")
      ->required();
  command->add_flag("--resume", args.resume, "Go on from the folder's checkpoint");
  command->add_option("--begin-with", args.begin_with,
                      "Take over the first stages of the training in this folder, where they are "
                      "the same");
  command->add_option("--device", args.device, "cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("--threads", args.threads, "Of one process")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--limit-images", args.limit_images,
                   "Training and test images at most; 0: as the recipe says")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--seed", args.seed, "Instead of the recipe's")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", args.json, "Print metrics.json when done");
}

std::vector<std::string> to_arguments(const TrainArgs& args) {
  std::vector<std::string> list = {args.recipe,
                                   "--output",
                                   args.folder,
                                   "--device",
                                   args.device,
                                   "--threads",
                                   std::to_string(args.threads),
                                   "--limit-images",
                                   std::to_string(args.limit_images)};
  if (args.resume) list.emplace_back("--resume");
  if (!args.begin_with.empty()) {
    list.emplace_back("--begin-with");
    list.push_back(args.begin_with);
  }
  if (args.json) list.emplace_back("--json");
  if (args.seed) {
    list.emplace_back("--seed");
    list.push_back(std::to_string(*args.seed));
  }
  return list;
}

}  // namespace isthmus
