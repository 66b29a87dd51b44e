#include "cli/board_agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/statistics.h"

namespace isthmus {
namespace {

using Quantity = double BoardMeasurement::*;

// Virtual over real of every plan that was run for real.
std::vector<double> ratios(const std::vector<const BoardRow*>& rows, Quantity quantity) {
  std::vector<double> values;
  for (const BoardRow* row : rows) {
    const BoardConfirmation& confirmed = *row->confirmed;
    if (confirmed.real.*quantity > 0)
      values.push_back(confirmed.played.*quantity / (confirmed.real.*quantity));
  }
  return values;
}

std::string spread_of(const std::vector<double>& values) {
  if (values.empty()) return "";
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", quantile(values, 0.5), quantile(values, 0),
                     quantile(values, 1));
}

// As printed: 1.10 is within ten per cent.
double within(const std::vector<double>& values) {
  return static_cast<double>(std::ranges::count_if(values, [](double ratio) {
    return std::abs(std::round(100 * ratio) - 100) <= 100 * kWantedAgreement;
  }));
}

Row row_of(const std::string& name, const std::vector<const BoardRow*>& rows) {
  Row row{.cells = {name, static_cast<double>(rows.size())}};
  for (const Quantity quantity :
       {&BoardMeasurement::throughput, &BoardMeasurement::p50_ms, &BoardMeasurement::p95_ms}) {
    const std::vector<double> values = ratios(rows, quantity);
    row.cells.emplace_back(spread_of(values));
    row.cells.emplace_back(within(values));
  }
  row.cells.emplace_back(spread_of(ratios(rows, &BoardMeasurement::alone_ms)));
  row.cells.emplace_back(spread_of(ratios(rows, &BoardMeasurement::memory)));
  return row;
}

}  // namespace

Table agreement_table(const std::vector<NamedResults>& experiments) {
  Table table{.title = "virtual time over processes",
              .columns = {{.title = "experiment"},
                          {.title = "plans"},
                          {.title = "frames/s", .key = "throughput"},
                          {.title = "within 10 %", .key = "throughput_within"},
                          {.title = "p50"},
                          {.title = "within 10 %", .key = "p50_within"},
                          {.title = "p95"},
                          {.title = "within 10 %", .key = "p95_within"},
                          {.title = "one frame", .key = "alone"},
                          {.title = "memory, expected/used", .key = "memory"}}};
  std::vector<const BoardRow*> all;
  int hastened = 0;
  int fastest = 1;
  for (const NamedResults& experiment : experiments) {
    std::vector<const BoardRow*> rows;
    std::size_t missing = 0;
    for (const BoardRow& row : experiment.results.rows) {
      if (row.confirmed) {
        rows.push_back(&row);
        if (row.confirmed->speed > 1) ++hastened;
        fastest = std::max(fastest, row.confirmed->speed);
      }
      if (!row.confirmed && !row.real_failure.empty()) ++missing;
    }
    if (missing > 0)
      table.notes.push_back(
          fmt::format("{}: {} more plans were not run", experiment.name, missing));
    if (rows.empty()) continue;
    table.rows.push_back(row_of(experiment.name, rows));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  if (hastened > 0)
    table.notes.push_back(
        fmt::format("{} plans on boards and a network that were emulated up to {} times as fast "
                    "(confirm_seconds)",
                    hastened, fastest));
  table.rows.push_back(row_of("all", all));
  table.rows.back().begins_group = true;
  return table;
}

}  // namespace isthmus
