#include "cli/board_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "core/text.h"
#include "report/table.h"

namespace isthmus {
namespace {

std::vector<std::string> networks_of(const BoardResults& results) {
  std::vector<std::string> names;
  for (const BoardRow& row : results.rows)
    if (std::ranges::find(names, row.model) == names.end()) names.push_back(row.model);
  return names;
}

// Frames a second of the network on one board: the method single, on however many boards.
double single_throughput(const BoardResults& results, const BoardRow& of) {
  for (const BoardRow& row : results.rows)
    if (row.model == of.model && row.codec == of.codec && row.method == "single" &&
        row.failure.empty())
      return row.throughput;
  return 0;
}

Cell rounded(double number) { return std::stod(fmt::format("{:.4g}", number)); }

// Virtual over real; for memory expected over needed.
Cell agreement(double real, double expected) {
  if (real <= 0 || expected <= 0) return std::monostate{};
  return rounded(expected / real);
}

void add_agreements(const BoardRow& row, std::vector<Cell>& cells) {
  const BoardConfirmation confirmed = row.confirmed.value_or(BoardConfirmation{});
  for (const auto member :
       {&BoardMeasurement::throughput, &BoardMeasurement::p50_ms, &BoardMeasurement::p95_ms,
        &BoardMeasurement::alone_ms, &BoardMeasurement::memory})
    cells.push_back(agreement(confirmed.real.*member, confirmed.played.*member));
  if (row.confirmed)
    cells.emplace_back(static_cast<double>(confirmed.speed));
  else
    cells.emplace_back(std::monostate{});
}

Table table_of(const BoardResults& results, const std::string& network) {
  Table table{.title = network,
              .columns = {{.title = "boards", .grouped = true},
                          {.title = "codec"},
                          {.title = "method"},
                          {.title = "frames/s"},
                          {.title = "of one board", .format = NumberFormat::kRatio},
                          {.title = "of the ideal"},
                          {.title = "one frame", .format = NumberFormat::kMilliseconds},
                          {.title = "sent a frame", .format = NumberFormat::kBytes},
                          {.title = "memory", .format = NumberFormat::kBytes},
                          {.title = "stages"},
                          {.title = "bound by"},
                          {.title = "virtual/real: frames/s"},
                          {.title = "p50"},
                          {.title = "p95"},
                          {.title = "one frame"},
                          {.title = "memory, expected/real"},
                          {.title = "emulated so many times as fast"}}};
  int boards = 0;
  for (const BoardRow& row : results.rows) {
    if (row.model != network) continue;
    Row cells{.begins_group = row.boards != boards};
    boards = row.boards;
    cells.cells = {static_cast<double>(row.boards), row.codec, row.method};
    if (!row.failure.empty()) {
      for (int i = 0; i < 6; ++i) cells.cells.emplace_back(std::monostate{});
      cells.cells.emplace_back(row.failure);
      cells.cells.resize(table.columns.size(), std::monostate{});
      table.rows.push_back(std::move(cells));
      continue;
    }
    const double single = single_throughput(results, row);
    cells.cells.push_back(rounded(row.throughput));
    cells.cells.push_back(single > 0 ? Cell(row.throughput / single) : Cell(std::monostate{}));
    cells.cells.push_back(rounded(row.throughput / row.ideal));
    cells.cells.emplace_back(row.latency_ms);
    cells.cells.emplace_back(row.bytes_per_frame);
    cells.cells.emplace_back(row.memory);
    cells.cells.emplace_back(
        row.stages.empty() && row.most_throughput > 0
            ? fmt::format("{:.3g} to {:.3g} frames/s", row.least_throughput, row.most_throughput)
            : row.stages);
    cells.cells.emplace_back(row.bound);
    add_agreements(row, cells.cells);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Table layer_table(const BoardResults& results) {
  Table table{.title = "layers on one board",
              .columns = {{.title = "network", .grouped = true},
                          {.title = "layers up to"},
                          {.title = "time", .format = NumberFormat::kMilliseconds},
                          {.title = "with swapping", .format = NumberFormat::kMilliseconds},
                          {.title = "memory", .format = NumberFormat::kBytes}}};
  for (const BoardLayer& layer : results.layers)
    table.rows.push_back(
        {.cells = {layer.model, layer.layer, layer.milliseconds, layer.swapping_ms, layer.memory}});
  return table;
}

std::vector<Table> tables_of(const BoardResults& results) {
  std::vector<Table> tables;
  for (const std::string& network : networks_of(results))
    tables.push_back(table_of(results, network));
  if (!results.layers.empty()) tables.push_back(layer_table(results));
  return tables;
}

struct Remarks {
  std::string title;
  std::vector<std::string> lines;
};

// What rows have to say besides numbers: what forbids more, and what is missing or wrong of the
// real frames.
std::vector<Remarks> remarks_of(const BoardResults& results) {
  Remarks limits{.title = "not more, because", .lines = {}};
  Remarks real{.title = "real frames", .lines = {}};
  for (const BoardRow& row : results.rows) {
    const std::string which = fmt::format("{} on {} boards, {}", row.model, row.boards, row.codec);
    if (!row.not_more.empty()) limits.lines.push_back(which + ": " + row.not_more);
    if (!row.real_failure.empty())
      real.lines.push_back(fmt::format("{}, {}: {}", which, row.method, row.real_failure));
    if (row.confirmed && !row.confirmed->disturbance.empty())
      real.lines.push_back(
          fmt::format("{}, {}: {}", which, row.method, row.confirmed->disturbance));
  }
  std::vector<Remarks> all{std::move(limits), std::move(real)};
  std::erase_if(all, [](const Remarks& remarks) { return remarks.lines.empty(); });
  return all;
}

}  // namespace

void print_boards(const BoardResults& results) {
  const TextOptions text{.color = isatty(STDOUT_FILENO) == 1};
  for (const Table& table : tables_of(results)) fmt::print("{}\n", to_text(table, text));
  for (const Remarks& remarks : remarks_of(results)) {
    fmt::print("{}\n", remarks.title);
    for (const std::string& line : remarks.lines) fmt::print("  {}\n", line);
  }
}

std::string boards_markdown(const BoardResults& results) {
  std::string text =
      fmt::format("# {}\n\n`{}`, {}, {} ({} cores).\n\n", results.title, results.command,
                  results.date, results.machine.cpu, results.machine.cores);
  for (const Table& table : tables_of(results)) text += to_markdown(table) + '\n';
  for (const Remarks& remarks : remarks_of(results)) {
    text += fmt::format("### {}\n\n", remarks.title);
    for (const std::string& line : remarks.lines) text += "- " + line + '\n';
    text += '\n';
  }
  text.pop_back();
  return text;
}

}  // namespace isthmus
