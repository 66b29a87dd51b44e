#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/terminal.h"
#include "core/file.h"
#include "core/json.h"
#include "data/dataset.h"
#include "data/fetch.h"
#include "data/signs.h"
#include "data/write_folder.h"

namespace isthmus {
namespace {

struct ListArgs {
  bool json = false;
};

struct InfoArgs {
  std::string name;
  bool json = false;
};

struct FetchArgs {
  std::string name;
  bool json = false;
};

struct MakeArgs {
  std::string folder;
  std::int64_t count = 160;
  std::string split = "test";
  bool json = false;
};

void list(const ListArgs& args) {
  if (args.json) {
    std::cout << Json{{"folder", data_folder().string()},
                      {"sets", dataset_names()},
                      {"fetchable", fetchable_datasets()}}
                     .dump(2)
              << '\n';
    return;
  }
  fmt::print("in {}:\n", data_folder().string());
  for (const std::string& name : dataset_names())
    fmt::print("  {}{}\n", name, name == "signs" ? " (built in)" : "");
  fmt::print("can be fetched: {}\n", fmt::join(fetchable_datasets(), " "));
}

void info(const InfoArgs& args) {
  Json result = {{"name", args.name}};
  for (const Split split : {Split::kTrain, Split::kTest}) {
    const auto dataset = open_dataset(args.name, split);
    const Sample first = dataset->get(0);
    result[std::string(to_string(split))] = {
        {"images", dataset->size()}, {"first", first.id}, {"shape", first.image.shape()}};
    result["classes"] = dataset->class_names();
  }
  if (args.json) {
    std::cout << result.dump(2) << '\n';
    return;
  }
  fmt::print("{}: {} training and {} test images, {} classes\n", args.name,
             result["train"]["images"].get<std::int64_t>(),
             result["test"]["images"].get<std::int64_t>(), result["classes"].size());
}

void fetch(const FetchArgs& args) {
  fetch_dataset(args.name, progress_bar("fetch " + args.name));
  const auto folder = (data_folder() / args.name).string();
  if (args.json)
    std::cout << Json{{"name", args.name}, {"folder", folder}}.dump(2) << '\n';
  else
    fmt::print("{}: {}\n", args.name, folder);
}

void make(const MakeArgs& args) {
  const auto signs = make_signs(split_from_string(args.split), args.count);
  write_class_folders(*signs, args.folder, progress_bar("draw"));
  if (args.json)
    std::cout << Json{{"folder", args.folder}, {"images", signs->size()}}.dump(2) << '\n';
  else
    fmt::print("{}: {} images in {} classes\n", args.folder, signs->size(),
               signs->class_names().size());
}

}  // namespace

void add_data_command(CLI::App& app) {
  auto* data =
      add_command(app, "data", "Data sets: what is here, and how to get more", "isthmus data list");
  data->require_subcommand(1);

  auto list_args = std::make_shared<ListArgs>();
  auto* list_command =
      add_command(*data, "list", "Name the data sets at hand", "isthmus data list");
  add_json_flag(list_command, list_args->json);
  list_command->callback([list_args] { list(*list_args); });

  auto info_args = std::make_shared<InfoArgs>();
  auto* info_command =
      add_command(*data, "info", "Sizes and classes of a data set", "isthmus data info signs");
  info_command->add_option("name", info_args->name, "Data set or folder")->required();
  add_json_flag(info_command, info_args->json);
  info_command->callback([info_args] { info(*info_args); });

  auto fetch_args = std::make_shared<FetchArgs>();
  auto* fetch_command = add_command(*data, "fetch", "Download a data set from its makers",
                                    "isthmus data fetch cifar10");
  fetch_command->add_option("name", fetch_args->name, "As `isthmus data list` names it")
      ->required();
  add_json_flag(fetch_command, fetch_args->json);
  fetch_command->callback([fetch_args] { fetch(*fetch_args); });

  auto make_args = std::make_shared<MakeArgs>();
  auto* make_command = add_command(*data, "make", "Write images of the built-in set as files",
                                   "isthmus data make -o signs/ --count 320");
  make_command->add_option("-o,--output", make_args->folder, "Folder to write")->required();
  make_command->add_option("--count", make_args->count, "Images")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  make_command->add_option("--split", make_args->split, "train or test")->capture_default_str();
  add_json_flag(make_command, make_args->json);
  make_command->callback([make_args] { make(*make_args); });
}

}  // namespace isthmus
