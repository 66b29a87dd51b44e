#include "report/lab_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "report/lab_gain.h"

namespace isthmus {

namespace {

struct FamilyPrefix {
  std::string_view prefix;
  std::string_view name;
  Color color;
};

// The longest prefixes first.
constexpr std::array kFamilies = {
    FamilyPrefix{"local-small", "small network on the device", Color::kSky},
    FamilyPrefix{"local", "on the device", Color::kBlue},
    FamilyPrefix{"raw", "raw image to the server", Color::kVermilion},
    FamilyPrefix{"jpeg", "JPEG to the server", Color::kOrange},
    FamilyPrefix{"webp", "WebP to the server", Color::kYellow},
    FamilyPrefix{"cut", "cut between the two", Color::kGreen},
    FamilyPrefix{"split", "distilled split", Color::kPurple},
    FamilyPrefix{"student", "split without training", Color::kPurple},
};
const StrategyFamily kOther = {"other", Color::kPurple};

Color span_color(std::string_view name) {
  static constexpr std::array<Color, kSpanNames.size()> kColorOf = {
      Color::kGray,   Color::kBlue,   Color::kSky,  Color::kOrange,
      Color::kYellow, Color::kPurple, Color::kGreen};
  const auto found = std::ranges::find(kSpanNames, name);
  return found == kSpanNames.end() ? Color::kVermilion
                                   : kColorOf[static_cast<std::size_t>(found - kSpanNames.begin())];
}

std::vector<const ResultRow*> rows_of(const LabResults& results, std::string_view network,
                                      std::string_view link) {
  std::vector<const ResultRow*> rows;
  for (const ResultRow& row : results.rows)
    if (row.network == network && row.link == link) rows.push_back(&row);
  return rows;
}

// Parts in the order in which they pass, unknown ones last.
std::vector<std::string> ordered_spans(const ResultRow& row) {
  std::vector<std::string> names;
  for (const std::string_view name : kSpanNames)
    if (row.spans.contains(std::string(name))) names.emplace_back(name);
  for (const auto& [name, value] : row.spans)
    if (std::ranges::find(kSpanNames, name) == kSpanNames.end()) names.push_back(name);
  return names;
}

// One chart per link by `draw_link(link, rows, winner)`.
std::vector<Svg> per_link(
    const LabResults& results, std::string_view network,
    const std::function<Svg(const std::string&, const std::vector<const ResultRow*>&,
                            const std::string&)>& draw_link) {
  std::vector<Svg> charts;
  for (const std::string& link : results.links_of(network))
    charts.push_back(
        draw_link(link, rows_of(results, network, link), winner_of(results, network, link)));
  return charts;
}

Dot dot_of(const ResultRow& row, double x, bool highlighted) {
  return {.name = row.strategy,
          .x = x,
          .y = row.top1,
          .low = row.interval.low,
          .high = row.interval.high,
          .color = family_of(row.strategy).color,
          .highlighted = highlighted};
}

}  // namespace

StrategyFamily family_of(std::string_view strategy) {
  for (const FamilyPrefix& family : kFamilies)
    if (strategy.starts_with(family.prefix)) return {std::string(family.name), family.color};
  return kOther;
}

std::string winner_of(const LabResults& results, std::string_view network, std::string_view link) {
  for (const ResultWinner& winner : results.winners)
    if (winner.network == network && winner.link == link && winner.criterion == "latency")
      return winner.strategy;
  return "";
}

std::vector<Svg> latency_charts(const LabResults& results, std::string_view network) {
  std::vector<double> all;
  for (const ResultRow& row : results.rows)
    if (row.network == network) all.insert(all.end(), {row.p50_ms, row.p95_ms});
  const Axis axis = axis_for(all, Scale::kLog, Origin::kData);
  return per_link(results, network, [&](const auto& link, const auto& rows, const auto& winner) {
    BarChart chart{.title = link,
                   .format = NumberFormat::kMilliseconds,
                   .bars = {},
                   .axis = axis,
                   .caption = "p50, thin mark p95; log scale"};
    for (const ResultRow* row : rows)
      chart.bars.push_back({.name = row->strategy,
                            .value = row->p50_ms,
                            .whisker = row->p95_ms,
                            .color = family_of(row->strategy).color,
                            .highlighted = row->strategy == winner});
    return draw(chart);
  });
}

std::vector<Svg> span_charts(const LabResults& results, std::string_view network) {
  return per_link(results, network, [&](const auto& link, const auto& rows, const auto& winner) {
    StackChart chart{.title = link,
                     .format = NumberFormat::kMilliseconds,
                     .stacks = {},
                     .caption = "mean per frame"};
    for (const ResultRow* row : rows) {
      Stack stack{.name = row->strategy, .segments = {}, .highlighted = row->strategy == winner};
      for (const std::string& name : ordered_spans(*row))
        stack.segments.push_back({name, row->spans.at(name), span_color(name)});
      chart.stacks.push_back(std::move(stack));
    }
    return draw(chart);
  });
}

std::vector<Svg> energy_charts(const LabResults& results, std::string_view network) {
  return per_link(results, network, [&](const auto& link, const auto& rows, const auto& winner) {
    BarChart chart{.title = link,
                   .format = NumberFormat::kMillijoules,
                   .bars = {},
                   .axis = {},
                   .caption = "at the device, per frame"};
    for (const ResultRow* row : rows)
      chart.bars.push_back({.name = row->strategy,
                            .value = row->energy_mj,
                            .whisker = {},
                            .color = family_of(row->strategy).color,
                            .highlighted = row->strategy == winner});
    return draw(chart);
  });
}

std::vector<Svg> accuracy_latency_charts(const LabResults& results, std::string_view network) {
  return per_link(results, network, [&](const auto& link, const auto& rows, const auto& winner) {
    ScatterChart chart{
        .title = link,
        .x = {"capture to output, p50", NumberFormat::kMilliseconds, Scale::kLog},
        .y = {"right answers, 95 % interval", NumberFormat::kPercent, Scale::kLinear},
        .dots = {}};
    for (const ResultRow* row : rows)
      if (row->images > 0) chart.dots.push_back(dot_of(*row, row->p50_ms, row->strategy == winner));
    return draw(chart);
  });
}

std::optional<Svg> accuracy_bytes_chart(const LabResults& results, std::string_view network) {
  ScatterChart chart{.title = "Accuracy against bytes",
                     .x = {"bytes per frame to the server", NumberFormat::kBytes, Scale::kLog},
                     .y = {"right answers, 95 % interval", NumberFormat::kPercent, Scale::kLinear},
                     .dots = {}};
  for (const std::string& strategy : results.strategies_of(network)) {
    const auto row = std::ranges::find_if(results.rows, [&](const ResultRow& each) {
      return each.network == network && each.strategy == strategy && each.images > 0;
    });
    if (row == results.rows.end()) continue;
    Dot dot = dot_of(*row, row->bytes_per_frame, false);
    // At the edge of a log scale, which has no zero.
    if (row->bytes_per_frame == 0) dot.name += " (0)";
    chart.dots.push_back(std::move(dot));
  }
  if (chart.dots.empty()) return std::nullopt;
  return draw(chart);
}

std::vector<Svg> gain_charts(const LabResults& results, std::string_view network) {
  // By latency and split: a line against each other strategy.
  std::map<std::pair<double, std::string>, LineChart> charts;
  for (const GainCurve& curve : gain_curves(results, network)) {
    LineChart& chart = charts[{curve.latency_ms, curve.split}];
    chart.title = fmt::format("{}, {:g} ms one way", curve.split, curve.latency_ms);
    chart.x = {"Mb/s", NumberFormat::kPlain, Scale::kLog};
    chart.y = {"time of the other / the split's", NumberFormat::kRatio, Scale::kLog};
    Line line{.name = curve.other, .points = {}, .color = family_of(curve.other).color};
    for (const GainPoint& point : curve.points)
      line.points.push_back({point.rate / 1e6, point.gain});
    chart.lines.push_back(std::move(line));
  }
  std::vector<Svg> drawn;
  for (const auto& [key, chart] : charts) drawn.push_back(draw(chart));
  return drawn;
}

std::vector<LegendEntry> strategy_legend(const LabResults& results, std::string_view network) {
  std::vector<LegendEntry> entries;
  for (const std::string& strategy : results.strategies_of(network)) {
    const StrategyFamily family = family_of(strategy);
    if (std::ranges::find(entries, family.name, &LegendEntry::name) == entries.end())
      entries.push_back({family.name, family.color});
  }
  return entries;
}

std::vector<LegendEntry> span_legend(const LabResults& results, std::string_view network) {
  std::vector<LegendEntry> entries;
  for (const std::string_view name : kSpanNames)
    entries.push_back({std::string(name), span_color(name)});
  const bool others = std::ranges::any_of(results.rows, [&](const ResultRow& row) {
    return row.network == network && std::ranges::any_of(row.spans, [](const auto& span) {
             return std::ranges::find(kSpanNames, span.first) == kSpanNames.end();
           });
  });
  if (others) entries.push_back({"other", span_color("other")});
  return entries;
}

}  // namespace isthmus
