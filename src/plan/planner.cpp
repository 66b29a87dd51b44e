#include "plan/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "plan/costs.h"

namespace isthmus {
namespace {

double value_of(const Prediction& prediction, Objective objective) {
  switch (objective) {
    case Objective::kLatency: return prediction.total.count();
    case Objective::kEnergy: return prediction.energy_mj;
    case Objective::kBytes: return static_cast<double>(prediction.bytes_per_frame);
  }
  return 0;
}

// "12.3 ms slower than jpeg:75", "4.1 mJ more than jpeg:75", "602 B more than jpeg:75".
std::string difference(double value, Objective objective, const std::string& than) {
  switch (objective) {
    case Objective::kLatency: return format_seconds(value) + " slower than " + than;
    case Objective::kEnergy: return fmt::format("{:.3g} mJ more than {}", value, than);
    case Objective::kBytes: return format_bytes(value) + " a frame more than " + than;
  }
  return "";
}

// Where one spends more and less time than the other, the largest difference first: "12.0 ms more
// network, 3.1 ms less head".
std::string breakdown(const Prediction& loser, const Prediction& winner) {
  std::map<std::string, double> more = loser.parts_ms;
  for (const auto& [name, value] : winner.parts_ms) more[name] -= value;
  std::vector<std::pair<double, std::string>> terms;
  const double total = 1e3 * std::abs((loser.total - winner.total).count());
  for (const auto& [name, value] : more)
    if (std::abs(value) >= 0.05 * total && std::abs(value) > 1e-6) terms.emplace_back(value, name);
  std::ranges::sort(
      terms, [](const auto& a, const auto& b) { return std::abs(a.first) > std::abs(b.first); });
  std::string text;
  for (const auto& [value, name] : terms)
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ",
                        format_seconds(std::abs(value) / 1e3), value > 0 ? "more" : "less", name);
  return text;
}

std::string why_it_lost(const Candidate& loser, const Candidate& winner, Objective objective) {
  const double more =
      value_of(loser.prediction, objective) - value_of(winner.prediction, objective);
  const std::string& name = winner.plan.plan.name;
  std::string text = more > 0 ? difference(more, objective, name)
                              : "as good as " + name + ", which was listed first";
  const std::string where = breakdown(loser.prediction, winner.prediction);
  if (objective != Objective::kBytes && !where.empty()) text += ": " + where;
  return text;
}

std::string why_it_won(const Candidate& winner, const Candidate* second, Objective objective) {
  if (second == nullptr) return "the only one that is possible";
  const double more =
      value_of(second->prediction, objective) - value_of(winner.prediction, objective);
  const char* word = objective == Objective::kLatency  ? "fastest"
                     : objective == Objective::kEnergy ? "least energy"
                                                       : "fewest bytes";
  return std::string(word) + "; " + second->plan.plan.name + " is next, " +
         (objective == Objective::kLatency  ? format_seconds(more) + " slower"
          : objective == Objective::kEnergy ? fmt::format("{:.3g} mJ more", more)
                                            : format_bytes(more) + " a frame more");
}

Candidate candidate(LoadedPlan plan, const Cluster& cluster, const Profile& profile) {
  Candidate candidate{.plan = std::move(plan), .prediction = {}, .feasible = true, .why = {}};
  const Plan& which = candidate.plan.plan;
  try {
    check_plan(which, cluster);
    if (const auto problem =
            memory_problem(which, costs_of(which, cluster.source, profile), cluster)) {
      candidate.feasible = false;
      candidate.why = *problem;
      return candidate;
    }
    candidate.prediction = predict(which, cluster, profile);
  } catch (const Error& error) {
    candidate.feasible = false;
    candidate.why = error.what();
    return candidate;
  }
  candidate.plan.plan.predicted = candidate.prediction;
  if (candidate.prediction.total > which.deadline) {
    candidate.feasible = false;
    candidate.why = format_seconds(candidate.prediction.total.count()) +
                    " is over the deadline of " + format_seconds(which.deadline.count());
  }
  return candidate;
}

}  // namespace

Decision choose(std::vector<LoadedPlan> plans, const Cluster& cluster, const Profile& profile,
                Objective objective) {
  Decision decision;
  for (LoadedPlan& plan : plans)
    decision.candidates.push_back(candidate(std::move(plan), cluster, profile));
  std::ranges::stable_sort(decision.candidates, [&](const Candidate& a, const Candidate& b) {
    if (a.feasible != b.feasible) return a.feasible;
    return a.feasible && value_of(a.prediction, objective) < value_of(b.prediction, objective);
  });
  auto& candidates = decision.candidates;
  if (candidates.empty() || !candidates.front().feasible) {
    std::string reasons;
    for (const Candidate& each : candidates)
      reasons += "; " + each.plan.plan.name + ": " + each.why;
    throw Error(ErrorKind::kUnsupported, candidates.empty() ? "there is no plan to choose from"
                                                            : "no plan is possible" + reasons);
  }
  for (std::size_t i = 1; i < candidates.size(); ++i)
    if (candidates[i].feasible)
      candidates[i].why = why_it_lost(candidates[i], candidates.front(), objective);
  const bool several = candidates.size() > 1 && candidates[1].feasible;
  candidates.front().why =
      why_it_won(candidates.front(), several ? &candidates[1] : nullptr, objective);
  return decision;
}

}  // namespace isthmus
