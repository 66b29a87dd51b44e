#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/board_output.h"
#include "cli/command.h"
#include "cli/lab_output.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace isthmus {
namespace {

struct LabArgs {
  std::string scenario;
  std::string folder;
  int threads = 2;
  // Of a scenario with boards, instead of its own.
  std::string data;
  bool resume = false;
  bool json = false;

  std::string command() const {
    return "isthmus lab " + scenario + (data.empty() ? "" : " --data " + data) + " -o " + folder;
  }
};

// What an earlier run of the scenario left in the folder.
BoardResults results_before(const LabArgs& args, const BoardScenario& scenario) {
  const std::filesystem::path file = std::filesystem::path(args.folder) / "results.json";
  if (!args.resume || !std::filesystem::exists(file)) return {};
  BoardResults before = board_results_from_json(read_document(file), file.string());
  if (before.command != args.command() || before.scenario != scenario.digest ||
      !(before.machine == result_machine()))
    throw Error(ErrorKind::kInvalid, file.string() + " is of another scenario, command (" +
                                         before.command +
                                         ") or machine: leave --resume away, or name another "
                                         "folder");
  return before;
}

void show(const BoardResults& results, const LabArgs& args) {
  if (args.json)
    std::cout << to_json(results).dump(2) << '\n';
  else
    print_boards(results);
  fmt::print(stderr, "results in {0}/results.json, tables in {0}/report.md\n", args.folder);
}

void run_board_scenario(const LabArgs& args, const Json& document) {
  const std::filesystem::path file(args.scenario);
  BoardScenario scenario = board_scenario_from_json(document, args.scenario, file.parent_path());
  if (!args.data.empty()) scenario.data = args.data;
  const std::filesystem::path folder(args.folder);
  std::filesystem::create_directories(folder);
  const BoardResults before = results_before(args, scenario);
  // Of a run before, whose results are replaced from now on.
  std::filesystem::remove(folder / "report.md");
  const BoardResults results =
      before.complete && std::ranges::all_of(before.rows, is_settled)
          ? before
          : run_boards(scenario, lab_options(folder, args.command()), before);
  write_file(folder / "report.md", boards_markdown(results));
  show(results, args);
}

void run(const LabArgs& args) {
  const Json document = read_document(args.scenario);
  if (is_board_scenario(document)) return run_board_scenario(args, document);
  const Scenario scenario = read_scenario(args.scenario);
  if (!args.data.empty())
    throw Error(ErrorKind::kInvalid,
                "--data is for scenarios with boards; elsewhere each network names its own");
  if (args.resume) throw Error(ErrorKind::kInvalid, "--resume is for scenarios with boards");
  LabOptions options = lab_options(args.folder, args.command());
  options.threads = args.threads;
  const LabResults results = run_lab(scenario, options);
  write_file(std::filesystem::path(args.folder) / "report.html", report_page(args.folder));
  if (args.json)
    std::cout << to_json(results).dump(2) << '\n';
  else
    print_results(results);
  fmt::print(stderr, "results in {0}/results.json, charts in {0}/report.html\n", args.folder);
}

}  // namespace

void add_lab_command(CLI::App& app) {
  auto args = std::make_shared<LabArgs>();
  auto* command =
      add_command(app, "lab", "Play every strategy over every link on emulated machines",
                  "isthmus lab examples/wifi.yaml -o results/");
  command->add_option("scenario", args->scenario, "Scenario file (docs/formats/scenario.md)")
      ->required();
  command->add_option("-o,--output", args->folder, "Folder for results, traces and report")
      ->required();
  command->add_option("--data", args->data,
                      "Data set, folder or video to run and compare boards on, instead of the "
                      "scenario's");
  command->add_flag("--resume", args->resume,
                    "Of a scenario with boards: go on after the rows that the folder has");
  command->add_option("--threads", args->threads, "Images at a time, for accuracies")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
