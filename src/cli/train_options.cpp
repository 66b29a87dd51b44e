#include "cli/train_options.h"

namespace isthmus {

void add_train_options(CLI::App* command, TrainArgs& args) {
  command->add_option("recipe", args.recipe, "Recipe file (docs/formats/recipe.md)")->required();
  auto* output =
      command->add_option("-o,--output", args.folder, "Folder for networks, plan and metrics");
  auto* first_stage = command->add_flag(
      "--first-stage", args.first_stage,
      "Train nothing; print what tells the first stage, equal where recipes may share it");
  command->parse_complete_callback([output, first_stage] {
    if (output->empty() && first_stage->empty()) throw CLI::RequiredError("--output");
  });
  command->add_flag("--resume", args.resume, "Go on from the folder's checkpoint");
  command
      ->add_option("--begin-with", args.begin_with,
                   "Take over the first stages of the training in this folder, where they are the "
                   "same; of several (--begin-with A --begin-with B) the most stages")
      ->allow_extra_args(false);
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
                                   "--device",
                                   args.device,
                                   "--threads",
                                   std::to_string(args.threads),
                                   "--limit-images",
                                   std::to_string(args.limit_images)};
  if (!args.folder.empty()) {
    list.emplace_back("--output");
    list.push_back(args.folder);
  }
  if (args.first_stage) list.emplace_back("--first-stage");
  if (args.resume) list.emplace_back("--resume");
  for (const std::string& folder : args.begin_with) {
    list.emplace_back("--begin-with");
    list.push_back(folder);
  }
  if (args.json) list.emplace_back("--json");
  if (args.seed) {
    list.emplace_back("--seed");
    list.push_back(std::to_string(*args.seed));
  }
  return list;
}

}  // namespace isthmus
