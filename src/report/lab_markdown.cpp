#include "report/lab_markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "report/lab_gain.h"
#include "report/table.h"

namespace isthmus {
namespace {

struct QuantityText {
  LabQuantity quantity;
  std::string_view name;
  std::string_view what;
};

constexpr std::array kQuantities = {
    QuantityText{LabQuantity::kTime, "time", "median from capture to output (bytes a frame)"},
    QuantityText{LabQuantity::kMean, "mean",
                 "mean from capture to output ± half its 90 % interval"},
    QuantityText{LabQuantity::kEnergy, "energy",
                 "energy of the device for a frame (mean power from capture to output)"},
    QuantityText{LabQuantity::kGain, "gain",
                 "time of the other strategy over the split's (above 1 the split is faster)"},
};

const QuantityText& text_of(LabQuantity quantity) {
  return *std::ranges::find(kQuantities, quantity, &QuantityText::quantity);
}

bool wins(const LabResults& results, const ResultRow& row) {
  return std::ranges::any_of(results.winners, [&](const ResultWinner& winner) {
    return winner.criterion == "latency" && winner.network == row.network &&
           winner.link == row.link && winner.strategy == row.strategy;
  });
}

std::string ms_text(double ms) { return format_seconds(ms / 1e3); }

std::string amount_text(const ResultRow& row, LabQuantity quantity) {
  if (quantity == LabQuantity::kMean) {
    if (!row.mean_ms) return "";
    const double half = (row.mean_interval.high - row.mean_interval.low) / 2;
    return ms_text(*row.mean_ms) + " ± " + ms_text(half);
  }
  if (quantity == LabQuantity::kEnergy) {
    const std::string energy = format_number(row.energy_mj, NumberFormat::kMillijoules);
    if (!row.mean_ms || *row.mean_ms <= 0) return energy;
    return fmt::format("{} ({:.2f} W)", energy, row.energy_mj / *row.mean_ms);
  }
  std::string text = ms_text(row.p50_ms);
  if (row.bytes_per_frame > 0) text += " (" + format_bytes(row.bytes_per_frame) + ")";
  return text;
}

std::string cell_of(const LabResults& results, const ResultRow& row, LabQuantity quantity) {
  const std::string text = amount_text(row, quantity);
  const bool of_time = quantity != LabQuantity::kEnergy;
  return of_time && wins(results, row) ? "**" + text + "**" : text;
}

std::string accuracy_text(const ResultRow& row) {
  if (row.images == 0) return "";
  return fmt::format("{:.1f} ({:.1f} to {:.1f})", 100 * row.top1, 100 * row.interval.low,
                     100 * row.interval.high);
}

Table table_of(const LabResults& results, const ResultNetwork& network, LabQuantity quantity) {
  const bool has_accuracy = std::ranges::any_of(results.rows, [&](const ResultRow& row) {
    return row.network == network.name && row.images > 0;
  });
  Table table;
  table.columns = {{.title = "strategy"}};
  if (has_accuracy) table.columns.push_back({.title = "top-1 (95 %)"});
  const std::vector<std::string> links = results.links_of(network.name);
  for (const std::string& link : links) table.columns.push_back({.title = link});
  for (const std::string& strategy : results.strategies_of(network.name)) {
    Row row{.cells = {"`" + strategy + "`"}};
    std::string accuracy;
    std::vector<Cell> cells;
    for (const std::string& link : links) {
      const ResultRow* result = results.find(network.name, link, strategy);
      if (result) accuracy = accuracy_text(*result);
      cells.push_back(result ? Cell(cell_of(results, *result, quantity)) : Cell());
    }
    if (has_accuracy) row.cells.emplace_back(accuracy);
    row.cells.insert(row.cells.end(), cells.begin(), cells.end());
    table.rows.push_back(std::move(row));
  }
  return table;
}

// "**net** (jetson-nano, laptop), 400 test images of signs, 12 M multiply-adds: what".
std::string heading(const ResultNetwork& network, LabQuantity quantity) {
  std::string machines;
  for (const std::string& machine : {network.device, network.server})
    if (!machine.empty()) machines += (machines.empty() ? "" : ", ") + machine;
  if (!machines.empty()) machines = " (" + machines + ")";
  return fmt::format("**{}**{}, {} test images of {}, {} multiply-adds: {}\n\n", network.name,
                     machines, network.images, network.dataset,
                     format_number(static_cast<double>(network.macs), NumberFormat::kCount),
                     text_of(quantity).what);
}

}  // namespace

LabQuantity lab_quantity_from_string(std::string_view name) {
  std::string all;
  for (const QuantityText& quantity : kQuantities) {
    if (quantity.name == name) return quantity.quantity;
    all += (all.empty() ? "" : ", ") + std::string(quantity.name);
  }
  throw Error(ErrorKind::kInvalid, "no such table: " + std::string(name) + "; there are " + all);
}

std::string lab_markdown(const LabResults& results, LabQuantity quantity) {
  std::string text;
  for (const ResultNetwork& network : results.networks) {
    const Table table = quantity == LabQuantity::kGain ? gain_table(results, network.name)
                                                       : table_of(results, network, quantity);
    if (!table.rows.empty()) text += heading(network, quantity) + to_markdown(table) + "\n";
  }
  for (const std::string& note : results.notes) text += "- " + note + "\n";
  return text;
}

}  // namespace isthmus
