#include "lab/winner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text.h"

namespace isthmus {
namespace {

// The part of the time in which two strategies differ most, for better (negative) or worse.
std::pair<std::string, double> largest_difference(const ResultRow& from, const ResultRow& to) {
  std::pair<std::string, double> largest{"", 0};
  for (const std::string_view name : kSpanNames) {
    const std::string key(name);
    const auto ms = [&](const ResultRow& row) {
      return row.spans.contains(key) ? row.spans.at(key) : 0.0;
    };
    const double difference = ms(to) - ms(from);
    if (difference > largest.second) largest = {key, difference};
  }
  return largest;
}

bool has_accuracy(const ResultRow& row) { return row.images > 0; }

std::string describe_loss(const ResultRow& row, const ResultRow* baseline) {
  if (!has_accuracy(row)) return "without trained weights";
  const double points = 100 * ((baseline ? baseline->top1 : 0) - row.top1);
  if (std::abs(points) < 0.05) return "at the same accuracy";
  return fmt::format("{:.1f} points {}", std::abs(points),
                     points > 0 ? "less accurate" : "more accurate");
}

struct Contest {
  std::vector<const ResultRow*> accepted;
  // Faster than the winner, but not accurate enough: the most accurate of those.
  const ResultRow* too_inaccurate = nullptr;
};

// Where the baseline's own accuracy is not known, every row is accepted.
Contest contest_on(const LabResults& results, const std::string& network, const std::string& link,
                   const ResultRow* baseline, double accepted_loss) {
  const bool by_accuracy = baseline != nullptr && has_accuracy(*baseline);
  const double floor = by_accuracy ? baseline->top1 - accepted_loss : 0;
  Contest contest;
  std::vector<const ResultRow*> rows;
  for (const ResultRow& row : results.rows)
    if (row.network == network && row.link == link) rows.push_back(&row);
  std::ranges::stable_sort(rows, {}, [](const ResultRow* row) { return row->p50_ms; });
  for (const ResultRow* row : rows) {
    if (!by_accuracy || (has_accuracy(*row) && row->top1 >= floor))
      contest.accepted.push_back(row);
    else if (contest.accepted.empty() &&
             (!contest.too_inaccurate || row->top1 > contest.too_inaccurate->top1))
      contest.too_inaccurate = row;
  }
  return contest;
}

std::string explain(const Contest& contest, const ResultRow* baseline) {
  const ResultRow& best = *contest.accepted.front();
  std::string why = fmt::format("{} from capture to output with {} a frame, {}",
                                format_seconds(best.p50_ms / 1e3),
                                format_bytes(best.bytes_per_frame), describe_loss(best, baseline));
  if (contest.accepted.size() > 1) {
    const ResultRow& second = *contest.accepted[1];
    const auto [part, ms] = largest_difference(best, second);
    why += fmt::format("; next is {} at {}", second.strategy, format_seconds(second.p50_ms / 1e3));
    if (!part.empty())
      why += fmt::format(", which spends {} more on {}", format_seconds(ms / 1e3), part);
  }
  if (const ResultRow* faster = contest.too_inaccurate)
    why += fmt::format("; {} would take {}, but is {}", faster->strategy,
                       format_seconds(faster->p50_ms / 1e3), describe_loss(*faster, baseline));
  return why;
}

}  // namespace

std::vector<ResultWinner> winners_of(const LabResults& results, const std::string& baseline,
                                     double accepted_loss) {
  std::vector<ResultWinner> winners;
  for (const ResultNetwork& network : results.networks)
    for (const std::string& link : results.links_of(network.name)) {
      const ResultRow* whole = results.find(network.name, link, baseline);
      const Contest contest = contest_on(results, network.name, link, whole, accepted_loss);
      if (contest.accepted.empty()) continue;
      winners.push_back({.network = network.name,
                         .link = link,
                         .strategy = contest.accepted.front()->strategy,
                         .criterion = "latency",
                         .why = explain(contest, whole)});
    }
  return winners;
}

}  // namespace isthmus
