#include "report/lab_gain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace isthmus {
namespace {

constexpr std::size_t kFewestPoints = 3;

bool is_split(const std::string& strategy) {
  return strategy.starts_with("split:") || strategy.starts_with("student:");
}

bool is_rival(const std::string& strategy) {
  return strategy.starts_with("local") || strategy == "raw" || strategy.starts_with("jpeg:") ||
         strategy.starts_with("webp:");
}

// By latency; each by rising rate.
std::map<double, std::vector<ResultLink>> comparable_links(const LabResults& results) {
  std::map<double, std::vector<ResultLink>> groups;
  for (const ResultLink& link : results.links)
    if (link.bandwidth > 0 && link.loss == 0 && !link.recorded)
      groups[link.latency_ms].push_back(link);
  for (auto& [latency, links] : groups) std::ranges::stable_sort(links, {}, &ResultLink::bandwidth);
  return groups;
}

std::vector<double> crossings_of(const std::vector<GainPoint>& points) {
  std::vector<double> crossings;
  for (std::size_t i = 1; i < points.size(); ++i) {
    const double before = std::log(points[i - 1].gain);
    const double after = std::log(points[i].gain);
    if ((before < 0) == (after < 0)) continue;
    const double at = before / (before - after);
    crossings.push_back(
        std::exp(std::lerp(std::log(points[i - 1].rate), std::log(points[i].rate), at)));
  }
  return crossings;
}

std::string rate_text(double rate) {
  if (rate >= 1e6) return fmt::format("{:.3g} Mb/s", rate / 1e6);
  return fmt::format("{:.3g} kb/s", rate / 1e3);
}

std::string crossings_text(const GainCurve& curve) {
  if (curve.crossings.empty())
    return curve.points.front().gain >= 1 ? "faster at all rates" : "slower at all rates";
  std::string text;
  for (const double rate : curve.crossings) text += (text.empty() ? "" : ", ") + rate_text(rate);
  return text;
}

// Of each latency that has a curve.
std::string crossings_text(const std::vector<GainCurve>& curves, const std::string& split,
                           const std::string& other) {
  std::string text;
  for (const GainCurve& curve : curves)
    if (curve.split == split && curve.other == other)
      text += (text.empty() ? "" : "; ") + crossings_text(curve);
  return text;
}

std::optional<double> gain_on(const LabResults& results, std::string_view network,
                              const std::string& link, const std::string& split,
                              const std::string& other) {
  const ResultRow* mine = results.find(network, link, split);
  const ResultRow* theirs = results.find(network, link, other);
  if (!mine || !theirs || mine->p50_ms <= 0 || theirs->p50_ms <= 0) return std::nullopt;
  return theirs->p50_ms / mine->p50_ms;
}

// All pairs that are compared.
std::vector<std::pair<std::string, std::string>> pairs_of(const LabResults& results,
                                                          std::string_view network) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const std::vector<std::string> strategies = results.strategies_of(network);
  for (const std::string& split : strategies)
    for (const std::string& other : strategies)
      if (is_split(split) && is_rival(other)) pairs.emplace_back(split, other);
  return pairs;
}

GainCurve curve_of(const LabResults& results, std::string_view network,
                   const std::vector<ResultLink>& links, const std::string& split,
                   const std::string& other) {
  GainCurve curve{.split = split, .other = other, .points = {}, .crossings = {}};
  for (const ResultLink& link : links) {
    curve.latency_ms = link.latency_ms;
    if (const auto gain = gain_on(results, network, link.name, split, other))
      curve.points.push_back({link.bandwidth, *gain});
  }
  curve.crossings = crossings_of(curve.points);
  return curve;
}

}  // namespace

std::vector<GainCurve> gain_curves(const LabResults& results, std::string_view network) {
  std::vector<GainCurve> curves;
  for (const auto& [latency, links] : comparable_links(results))
    for (const auto& [split, other] : pairs_of(results, network)) {
      GainCurve curve = curve_of(results, network, links, split, other);
      if (curve.points.size() >= kFewestPoints) curves.push_back(std::move(curve));
    }
  return curves;
}

Table gain_table(const LabResults& results, std::string_view network) {
  const std::vector<std::string> links = results.links_of(network);
  const std::vector<GainCurve> curves = gain_curves(results, network);
  Table table{.title = "",
              .columns = {{.title = "split", .grouped = true}, {.title = "against"}},
              .rows = {},
              .notes = {}};
  for (const std::string& link : links) table.columns.push_back({.title = link});
  table.columns.push_back({.title = "equally fast at"});
  for (const auto& [split, other] : pairs_of(results, network)) {
    Row row{.cells = {split, other}};
    for (const std::string& link : links) {
      const auto gain = gain_on(results, network, link, split, other);
      row.cells.push_back(gain ? Cell(fmt::format("{:.3g}", *gain)) : Cell());
    }
    row.cells.emplace_back(crossings_text(curves, split, other));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace isthmus
