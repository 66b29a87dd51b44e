#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/board_agreement.h"
#include "cli/command.h"
#include "cli/lab_output.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/training_results.h"
#include "report/lab_markdown.h"
#include "report/training_report.h"
#include "report/training_table.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

struct ReportArgs {
  std::vector<std::string> folders;
  std::string file;
  std::string table = "time";
  bool markdown = false;
  bool json = false;
};

bool is_training(const fs::path& folder) { return fs::exists(folder / "metrics.json"); }

TrainingResults read_training(const fs::path& folder) {
  const fs::path file = folder / "metrics.json";
  return training_results_from_json(read_document(file), file.string());
}

void print_table(const Table& table, const ReportArgs& args) {
  if (args.json)
    std::cout << to_json(table).dump(2) << '\n';
  else if (args.markdown)
    fmt::print("{}", to_markdown(table));
  else
    fmt::print("{}", to_text(table, {.color = isatty(STDOUT_FILENO) == 1}));
}

void report_training(const ReportArgs& args) {
  std::vector<TrainingResults> results;
  for (const std::string& folder : args.folders) results.push_back(read_training(folder));
  if (!args.file.empty()) write_file(args.file, training_report(results));
  print_table(training_table(results), args);
}

void report_lab(const ReportArgs& args) {
  if (args.folders.size() > 1)
    throw Error(ErrorKind::kInvalid,
                "only results of trainings, or of boards, are reported together; " +
                    args.folders[0] + " has no metrics.json");
  if (args.markdown) {
    const fs::path file = fs::path(args.folders.front()) / "results.json";
    fmt::print("{}", lab_markdown(results_from_json(read_document(file), file.string()),
                                  lab_quantity_from_string(args.table)));
    if (args.file.empty()) return;
  }
  if (args.file.empty())
    throw Error(ErrorKind::kInvalid, "say which page to write, as -o report.html");
  const std::string page = report_page(args.folders.front());
  write_file(args.file, page);
  if (args.json)
    std::cout << Json{{"file", args.file}, {"bytes", page.size()}}.dump(2) << '\n';
  else if (!args.markdown)
    fmt::print("{}\n", args.file);
}

fs::path results_file(const fs::path& folder) { return folder / "results.json"; }

bool is_boards(const fs::path& folder) {
  return fs::exists(results_file(folder)) && is_board_results(read_document(results_file(folder)));
}

// How far virtual time is from processes, over all folders; the tables of each are its report.md.
void report_boards(const ReportArgs& args) {
  if (!args.file.empty())
    throw Error(ErrorKind::kInvalid,
                "results of boards have no page: their tables are FOLDER/report.md");
  std::vector<NamedResults> experiments;
  for (const fs::path folder : args.folders) {
    const fs::path file = results_file(folder);
    experiments.push_back({(folder / "").parent_path().filename().string(),
                           board_results_from_json(read_document(file), file.string())});
  }
  print_table(agreement_table(experiments), args);
}

void run(const ReportArgs& args) {
  if (std::ranges::any_of(args.folders, is_training))
    report_training(args);
  else if (is_boards(args.folders.front()))
    report_boards(args);
  else
    report_lab(args);
}

}  // namespace

void add_report_command(CLI::App& app) {
  auto args = std::make_shared<ReportArgs>();
  auto* command =
      add_command(app, "report", "Tables and charts of a lab's results, or of trained networks",
                  "isthmus report results/ -o report.html");
  command
      ->add_option("folder", args->folders,
                   "Folder that `isthmus lab` wrote, or those that it wrote of boards, or that "
                   "`isthmus train` wrote")
      ->required();
  command->add_option("-o,--output", args->file, "HTML file to write");
  command->add_flag("--markdown", args->markdown, "Print the tables as Markdown");
  command
      ->add_option("--table", args->table,
                   "With --markdown, of a lab: time, mean (with interval), energy, or gain (of "
                   "splits over other strategies)")
      ->capture_default_str();
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
