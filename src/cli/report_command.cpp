#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/lab_output.h"
#include "core/file.h"
#include "core/json.h"

namespace isthmus {
namespace {

struct ReportArgs {
  std::string folder;
  std::string file;
  bool json = false;
};

void run(const ReportArgs& args) {
  const std::string page = report_page(args.folder);
  write_file(args.file, page);
  if (args.json)
    std::cout << Json{{"file", args.file}, {"bytes", page.size()}}.dump(2) << '\n';
  else
    fmt::print("{}\n", args.file);
}

}  // namespace

void add_report_command(CLI::App& app) {
  auto args = std::make_shared<ReportArgs>();
  auto* command =
      add_command(app, "report", "Make one page with tables and charts of a lab's results",
                  "isthmus report results/ -o report.html");
  command->add_option("folder", args->folder, "Folder that `isthmus lab` wrote")->required();
  command->add_option("-o,--output", args->file, "HTML file to write")->required();
  add_json_flag(command, args->json);
  command->callback([args] { run(*args); });
}

}  // namespace isthmus
