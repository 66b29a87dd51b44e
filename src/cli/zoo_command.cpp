#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/command.h"
#include "core/json.h"
#include "core/text.h"
#include "graph/cost.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

struct ListArgs {
  bool json = false;
};

struct BuildArgs {
  std::string name;
  std::string file;
  ZooOptions options;
  bool json = false;
};

void list(const ListArgs& args) {
  Json result = Json::array();
  for (const ZooEntry& entry : zoo())
    result.push_back({{"name", entry.name},
                      {"params", entry.published_params},
                      {"input", entry.input},
                      {"classes", entry.classes},
                      {"description", entry.description}});
  if (args.json) {
    std::cout << result.dump(2) << '\n';
    return;
  }
  for (const ZooEntry& entry : zoo())
    fmt::print("{:<14} {:>8}  {:<14} {}\n", entry.name,
               format_count(static_cast<double>(entry.published_params)), to_string(entry.input),
               entry.description);
  fmt::print(
      "\nThe weights are seeded, not trained. Use them as zoo:NAME wherever a MODEL is taken.\n");
}

void build(const BuildArgs& args) {
  const Graph graph = args.name.starts_with("zoo:") ? load_model(args.name)
                                                    : build_network(args.name, args.options);
  save_graph(graph, args.file);
  const GraphCost cost = cost_of(graph);
  if (args.json)
    std::cout << Json{{"file", args.file}, {"macs", cost.macs}, {"params", cost.params}}.dump(2)
              << '\n';
  else
    fmt::print("{}: {} MACs, {} parameters\n", args.file,
               format_count(static_cast<double>(cost.macs)),
               format_count(static_cast<double>(cost.params)));
}

void add_list(CLI::App& zoo_command) {
  auto args = std::make_shared<ListArgs>();
  auto* command =
      add_command(zoo_command, "list", "Name the networks that can be built", "isthmus zoo list");
  add_json_flag(command, args->json);
  command->callback([args] { list(*args); });
}

void add_build(CLI::App& zoo_command) {
  auto args = std::make_shared<BuildArgs>();
  auto* command = add_command(zoo_command, "build", "Write a network with seeded weights as ONNX",
                              "isthmus zoo build resnet50 --classes 10 --size 64 -o resnet50.onnx");
  command->add_option("name", args->name, "As `isthmus zoo list` names it")->required();
  command->add_option("-o,--output", args->file, "File to write")->required();
  command->add_option("--classes", args->options.classes, "Number of classes; 0: as published")
      ->capture_default_str();
  command
      ->add_option("--size", args->options.input_size,
                   "Pixels of the input's side; 0: as published")
      ->capture_default_str();
  command->add_option("--stem", args->options.stem, "How a ResNet begins")
      ->transform(one_of<Stem>({{"published", Stem::kPublished},
                                {"large", Stem::kLarge},
                                {"half", Stem::kHalf},
                                {"small", Stem::kSmall}})
                      .description("published, large, half or small"));
  command->add_option("--seed", args->options.seed, "Of the weights")->capture_default_str();
  command->add_flag("--fold", args->options.fold_batch_norm,
                    "Fold batch normalizations into convolutions");
  add_json_flag(command, args->json);
  command->callback([args] { build(*args); });
}

}  // namespace

void add_zoo_command(CLI::App& app) {
  auto* command =
      add_command(app, "zoo", "Well-known networks with seeded weights", "isthmus zoo list");
  command->require_subcommand(1);
  add_list(*command);
  add_build(*command);
}

}  // namespace isthmus
