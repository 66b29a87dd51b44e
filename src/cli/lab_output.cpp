#include "cli/lab_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/inputs.h"
#include "cli/terminal.h"
#include "core/json.h"
#include "report/lab_report.h"
#include "report/table.h"
#include "zoo/zoo.h"

namespace isthmus {
namespace {

// Timelines of the runs that won, where they were played for real.
std::vector<NamedTrace> winning_traces(const LabResults& results,
                                       const std::filesystem::path& folder) {
  std::vector<NamedTrace> traces;
  for (const ResultWinner& winner : results.winners) {
    const auto file = folder / trace_file(winner.network, winner.link, winner.strategy);
    if (std::filesystem::exists(file))
      traces.push_back({fmt::format("{} over {}: {}", winner.network, winner.link, winner.strategy),
                        trace_from_json(read_document(file), file.string())});
  }
  return traces;
}

}  // namespace

LabOptions lab_options(const std::filesystem::path& folder, const std::string& command) {
  LabOptions options;
  options.folder = folder;
  options.command = command;
  options.resolve = resolve_model;
  options.load = load_model;
  options.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  options.progress = progress_bar;
  return options;
}

void print_results(const LabResults& results) {
  const TextOptions text{.color = isatty(STDOUT_FILENO) == 1};
  for (const ResultNetwork& network : results.networks)
    fmt::print("{}\n", to_text(lab_table(results, network, LabColumns::kMain), text));
  fmt::print("{}\n", to_text(winners_table(results), text));
  for (const std::string& note : results.notes) fmt::print("{}\n", note);
}

std::string report_page(const std::filesystem::path& folder) {
  const auto file = folder / "results.json";
  const LabResults results = results_from_json(read_document(file), file.string());
  return lab_report(results, winning_traces(results, folder));
}

}  // namespace isthmus
