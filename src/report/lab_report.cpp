#include "report/lab_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"
#include "report/html.h"
#include "report/lab_charts.h"
#include "report/lab_gain.h"
#include "report/timeline.h"

namespace isthmus {

namespace {

// The parts that every strategy may have, in the order of kSpanNames.
std::vector<Cell> span_cells(const ResultRow& row) {
  std::vector<Cell> cells;
  for (const std::string_view name : kSpanNames) {
    const auto found = row.spans.find(std::string(name));
    cells.push_back(found == row.spans.end() ? Cell() : Cell(found->second));
  }
  return cells;
}

std::string interval_text(const ResultRow& row) {
  return fmt::format("{:.1f}–{:.1f}", 100 * row.interval.low, 100 * row.interval.high);
}

// "virtual time; estimate".
std::string remarks(const ResultRow& row) {
  std::string text;
  const auto add = [&](const char* remark) {
    text += (text.empty() ? "" : "; ") + std::string(remark);
  };
  if (row.mode == "virtual") add("virtual time");
  if (row.estimate) add("device speed estimated");
  if (row.trained) add("trained for it");
  return text;
}

std::vector<Column> lab_columns(LabColumns columns) {
  constexpr auto kTime = NumberFormat::kMilliseconds;
  std::vector<Column> list = {
      {.title = "link", .grouped = true},
      {.title = "strategy"},
      {.title = "top-1", .key = "top1", .format = NumberFormat::kPercent},
      {.title = "95 %", .key = "interval"},
      {.title = "bytes/frame", .key = "bytes_per_frame", .format = NumberFormat::kBytes},
      {.title = "p50", .key = "p50_ms", .format = kTime},
      {.title = "p95", .key = "p95_ms", .format = kTime},
      {.title = "mean", .key = "mean_ms", .format = kTime}};
  for (const std::string_view name : kSpanNames)
    list.push_back({.title = std::string(name), .key = std::string(name) + "_ms", .format = kTime});
  list.push_back({.title = "energy", .key = "energy_mj", .format = NumberFormat::kMillijoules});
  if (columns == LabColumns::kAll) {
    list.push_back({.title = "on air", .key = "on_air_bytes", .format = NumberFormat::kBytes});
    list.push_back({.title = "answer", .key = "answer_bytes", .format = NumberFormat::kBytes});
    list.push_back({.title = "predicted", .key = "predicted_ms", .format = kTime});
    list.push_back({.title = "frames"});
  }
  list.push_back({.title = "remarks"});
  return list;
}

Row lab_row(const ResultRow& row, LabColumns columns) {
  const bool measured = row.images > 0;
  Row result{.cells = {row.link, row.strategy, measured ? Cell(row.top1) : Cell(),
                       measured ? interval_text(row) : "", row.bytes_per_frame, row.p50_ms,
                       row.p95_ms, row.mean_ms ? Cell(*row.mean_ms) : Cell()}};
  for (Cell& cell : span_cells(row)) result.cells.push_back(std::move(cell));
  result.cells.emplace_back(row.energy_mj);
  if (columns == LabColumns::kAll) {
    result.cells.emplace_back(row.on_air_bytes);
    result.cells.emplace_back(row.answer_bytes);
    result.cells.push_back(row.predicted_ms ? Cell(*row.predicted_ms) : Cell());
    result.cells.emplace_back(static_cast<double>(row.frames));
  }
  result.cells.emplace_back(remarks(row));
  return result;
}

// Columns without any content are left out, as "remarks" of an ordinary run.
void drop_empty_columns(Table& table) {
  for (std::size_t c = table.columns.size(); c-- > 0;) {
    const bool empty = std::ranges::all_of(table.rows, [&](const Row& row) {
      const auto* text = std::get_if<std::string>(&row.cells[c]);
      return std::holds_alternative<std::monostate>(row.cells[c]) || (text && text->empty());
    });
    if (!empty) continue;
    const auto at = static_cast<std::ptrdiff_t>(c);
    table.columns.erase(table.columns.begin() + at);
    for (Row& row : table.rows) row.cells.erase(row.cells.begin() + at);
  }
}

std::vector<std::string> network_facts(const ResultNetwork& network) {
  std::vector<std::string> facts;
  if (network.synthetic)
    facts.push_back("synthetic images: " + network.dataset);
  else if (!network.dataset.empty())
    facts.push_back(network.dataset);
  if (network.images > 0) facts.push_back(fmt::format("{} images", network.images));
  if (network.classes > 0) facts.push_back(fmt::format("{} classes", network.classes));
  if (network.params > 0)
    facts.push_back(format_count(static_cast<double>(network.params)) + " parameters");
  if (network.macs > 0)
    facts.push_back(format_count(static_cast<double>(network.macs)) + " multiply-adds");
  if (!network.trained) facts.emplace_back("seeded weights: no accuracy");
  if (!network.device.empty()) facts.push_back("device " + network.device);
  if (!network.server.empty()) facts.push_back("server " + network.server);
  return facts;
}

std::string latency_of(const LabResults& results, const ResultWinner& winner) {
  const ResultRow* row = results.find(winner.network, winner.link, winner.strategy);
  return row ? format_number(row->p50_ms, NumberFormat::kMilliseconds) : "";
}

std::vector<Statement> winner_statements(const LabResults& results, std::string_view network) {
  std::vector<Statement> list;
  for (const ResultWinner& winner : results.winners) {
    if (winner.network != network) continue;
    const bool by_latency = winner.criterion == "latency";
    list.push_back({by_latency ? winner.link : winner.link + ", least " + winner.criterion,
                    winner.strategy + (by_latency ? " · " + latency_of(results, winner) : ""),
                    winner.why});
  }
  return list;
}

// Networks as columns: what wins where, at a glance.
Table overview_table(const LabResults& results) {
  Table table{.title = "", .columns = {{.title = "link"}}, .rows = {}, .notes = {}};
  std::vector<std::string> links;
  for (const ResultNetwork& network : results.networks) {
    table.columns.push_back({.title = network.name});
    for (const std::string& link : results.links_of(network.name))
      if (std::ranges::find(links, link) == links.end()) links.push_back(link);
  }
  for (const std::string& link : links) {
    Row row{.cells = {link}};
    for (const ResultNetwork& network : results.networks) {
      const std::string strategy = winner_of(results, network.name, link);
      const ResultRow* found = results.find(network.name, link, strategy);
      row.cells.push_back(
          found ? Cell(strategy + " · " + format_number(found->p50_ms, NumberFormat::kMilliseconds))
                : Cell());
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string subtitle(const LabResults& results) {
  std::string text;
  const auto add = [&](const std::string& piece) {
    if (!piece.empty()) text += (text.empty() ? "" : " · ") + piece;
  };
  if (!results.device.empty())
    add("device " + results.device + (results.server.empty() ? "" : ", server " + results.server));
  const ResultMachine& machine = results.machine;
  if (!machine.cpu.empty())
    add("measured on " + machine.cpu +
        (machine.cores > 0 ? fmt::format(", {} cores", machine.cores) : ""));
  add(results.date);
  add(fmt::format("seed {}", results.seed));
  return text;
}

void write_network(HtmlPage& page, const LabResults& results, const ResultNetwork& network) {
  page.section(network.name);
  page.chips(network_facts(network));
  if (!network.note.empty()) page.paragraph(network.note);
  page.statements(winner_statements(results, network.name));
  if (results.links_of(network.name).empty()) return page.note("No rows.");

  page.heading("Capture to output");
  page.legend(strategy_legend(results, network.name));
  page.charts(latency_charts(results, network.name));
  page.heading("Where the time goes");
  page.legend(span_legend(results, network.name));
  page.charts(span_charts(results, network.name));
  if (const auto charts = gain_charts(results, network.name); !charts.empty()) {
    page.heading("The gain of splits by data rate");
    page.charts(charts);
    page.table(gain_table(results, network.name));
  }
  if (const auto bytes = accuracy_bytes_chart(results, network.name)) {
    page.heading("What accuracy costs");
    page.legend(strategy_legend(results, network.name));
    auto charts = accuracy_latency_charts(results, network.name);
    charts.insert(charts.begin(), *bytes);
    page.charts(charts);
  }
  page.heading("Energy");
  page.legend(strategy_legend(results, network.name));
  page.charts(energy_charts(results, network.name));
  page.heading("All numbers");
  Table table = lab_table(results, network, LabColumns::kAll);
  table.title.clear();
  table.notes.clear();
  page.table(table);
}

void write_traces(HtmlPage& page, const std::vector<NamedTrace>& traces) {
  page.section("Timelines");
  std::vector<Svg> pictures;
  std::vector<LegendEntry> legend;
  for (const NamedTrace& each : traces) {
    pictures.push_back(draw_timeline(each.trace, {.title = each.name}));
    for (const LegendEntry& entry : timeline_legend(each.trace))
      if (std::ranges::find(legend, entry.name, &LegendEntry::name) == legend.end())
        legend.push_back(entry);
  }
  page.paragraph("The first frames of a run. Numbers in the boxes are frames.");
  page.legend(legend);
  page.charts(pictures);
}

void write_origin(HtmlPage& page, const LabResults& results) {
  page.section("How this was made");
  for (const std::string& note : results.notes) page.paragraph(note);
  if (!results.command.empty()) page.code(results.command);
  std::vector<std::string> versions;
  for (const auto& [name, version] : results.machine.versions)
    versions.push_back(fmt::format("{} {}", name, version));
  if (!versions.empty()) page.chips(versions);
}

}  // namespace

Table lab_table(const LabResults& results, const ResultNetwork& network, LabColumns columns) {
  Table table{.title = network.name, .columns = lab_columns(columns), .rows = {}, .notes = {}};
  for (const std::string& fact : network_facts(network)) table.title += ", " + fact;
  for (const std::string& link : results.links_of(network.name)) {
    const std::string winner = winner_of(results, network.name, link);
    bool first = true;
    for (const ResultRow& row : results.rows) {
      if (row.network != network.name || row.link != link) continue;
      Row line = lab_row(row, columns);
      line.begins_group = first;
      if (row.strategy == winner) line.mark = RowMark::kBest;
      first = false;
      table.rows.push_back(std::move(line));
    }
  }
  drop_empty_columns(table);
  if (!network.note.empty()) table.notes.push_back(network.note);
  return table;
}

Table winners_table(const LabResults& results) {
  Table table{.title = "What wins",
              .columns = {{.title = "network", .grouped = true},
                          {.title = "link"},
                          {.title = "by", .key = "criterion"},
                          {.title = "strategy"},
                          {.title = "p50", .key = "p50_ms", .format = NumberFormat::kMilliseconds},
                          {.title = "why"}},
              .rows = {},
              .notes = {}};
  for (const ResultWinner& winner : results.winners) {
    const ResultRow* row = results.find(winner.network, winner.link, winner.strategy);
    const bool begins = table.rows.empty() || table.rows.back().cells[0] != Cell(winner.network);
    table.rows.push_back({.cells = {winner.network, winner.link, winner.criterion, winner.strategy,
                                    row ? Cell(row->p50_ms) : Cell(), winner.why},
                          .begins_group = begins});
  }
  return table;
}

std::string lab_report(const LabResults& results, const std::vector<NamedTrace>& traces) {
  HtmlPage page(results.title.empty() ? "Where to run the network" : results.title,
                subtitle(results));
  page.section("What wins where");
  page.paragraph(
      "For each network and link the fastest of the strategies that keep the accuracy, with its "
      "median from capture to output.");
  page.table(overview_table(results));
  for (const ResultNetwork& network : results.networks) write_network(page, results, network);
  if (!traces.empty()) write_traces(page, traces);
  write_origin(page, results);
  return page.str();
}

}  // namespace isthmus
