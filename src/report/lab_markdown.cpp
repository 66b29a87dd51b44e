#include "report/lab_markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/text.h"
#include "report/table.h"

namespace isthmus {
namespace {

// In the order of the rows, each once.
template <typename Member>
std::vector<std::string> names(const LabResults& results, const std::string& network,
                               Member member) {
  std::vector<std::string> found;
  for (const ResultRow& row : results.rows)
    if (row.network == network && std::ranges::find(found, row.*member) == found.end())
      found.push_back(row.*member);
  return found;
}

bool wins(const LabResults& results, const ResultRow& row) {
  return std::ranges::any_of(results.winners, [&](const ResultWinner& winner) {
    return winner.criterion == "latency" && winner.network == row.network &&
           winner.link == row.link && winner.strategy == row.strategy;
  });
}

std::string cell_of(const LabResults& results, const ResultRow& row) {
  std::string text = format_seconds(row.p50_ms / 1e3);
  if (row.bytes_per_frame > 0) text += " (" + format_bytes(row.bytes_per_frame) + ")";
  return wins(results, row) ? "**" + text + "**" : text;
}

Table table_of(const LabResults& results, const ResultNetwork& network) {
  Table table;
  table.columns = {{.title = "strategy"}, {.title = "top-1 (95 %)"}};
  const std::vector<std::string> links = names(results, network.name, &ResultRow::link);
  for (const std::string& link : links) table.columns.push_back({.title = link});
  for (const std::string& strategy : names(results, network.name, &ResultRow::strategy)) {
    Row row;
    row.cells.resize(table.columns.size());
    row.cells[0] = "`" + strategy + "`";
    for (std::size_t i = 0; i < links.size(); ++i) {
      const ResultRow* result = results.find(network.name, links[i], strategy);
      if (!result) continue;
      row.cells[1] = fmt::format("{:.1f} ({:.1f} to {:.1f})", 100 * result->top1,
                                 100 * result->interval.low, 100 * result->interval.high);
      row.cells[i + 2] = cell_of(results, *result);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::string lab_markdown(const LabResults& results) {
  std::string text;
  for (const ResultNetwork& network : results.networks) {
    text += fmt::format(
        "**{}**, {} test images of {}, {} multiply-adds: median from capture to output (bytes a "
        "frame)\n\n{}\n",
        network.name, network.images, network.dataset,
        format_number(static_cast<double>(network.macs), NumberFormat::kCount),
        to_markdown(table_of(results, network)));
  }
  for (const std::string& note : results.notes) text += "- " + note + "\n";
  return text;
}

}  // namespace isthmus
