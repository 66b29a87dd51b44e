#include "pipeline/no_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "pipeline/search.h"
#include "plan/costs.h"

namespace isthmus {
namespace {

// The least that any worker needs to hold the unit, whole or in shards; and which worker that is.
struct Need {
  double footprint = PipelineCosts::kNever;
  std::size_t machine = 0;
  int shards = 1;
  bool fits = false;
  // With more machines, in more shards.
  bool would_fit = false;
};

Need least_need(const PipelineCosts& costs, std::size_t unit) {
  Need need;
  const auto workers = costs.workers();
  const auto footprint_of = [&](const SeatedStage& stage, const Seat& seat) {
    return costs.footprint(costs.weights(stage, seat), costs.peak(stage, seat), seat.machine);
  };
  const auto holds = [&](double footprint, std::size_t machine) {
    return costs.swapping(footprint, machine) < PipelineCosts::kNever;
  };
  const auto consider = [&](const SeatedStage& stage, const Seat& seat, int shards) {
    const double footprint = footprint_of(stage, seat);
    if (holds(footprint, seat.machine)) need.fits = true;
    const double memory = static_cast<double>(costs.machine(seat.machine).memory);
    if (footprint - memory <
        need.footprint - static_cast<double>(costs.machine(need.machine).memory))
      need.footprint = footprint, need.machine = seat.machine, need.shards = shards;
  };
  for (const std::size_t worker : workers) {
    consider({.first = unit, .last = unit}, {.machine = worker}, 1);
    for (std::size_t o = 0; o < costs.problem().shards.size(); ++o) {
      const ShardOption& option = costs.problem().shards[o];
      if (option.first > unit || option.last < unit || option.most < 2) continue;
      const SeatedStage stage{
          .first = option.first, .last = option.last, .mode = StageMode::kShards, .option = o};
      if (holds(footprint_of(stage, {.machine = worker, .share = 1.0 / option.most}), worker))
        need.would_fit = true;
      const int shards = std::min(option.most, static_cast<int>(workers.size()));
      if (shards > 1) consider(stage, {.machine = worker, .share = 1.0 / shards}, shards);
    }
  }
  return need;
}

// Each takes a search.
constexpr std::size_t kMostLinksTried = 20;
constexpr const char* kAddLink = "add it under `links:` or `networks:` of the cluster file";

void check_links(const PipelineCosts& costs) {
  const auto fail = [&](std::size_t from, std::size_t to) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("there is no link from {} to {}, which must talk: {}",
                            costs.machine(from).name, costs.machine(to).name, kAddLink));
  };
  const auto workers = costs.workers();
  const auto linked = [&](bool there) {
    return std::ranges::any_of(workers, [&](std::size_t worker) {
      return there ? costs.linked(costs.source(), worker) : costs.linked(worker, costs.source());
    });
  };
  if (!linked(true)) fail(costs.source(), workers[0]);
  if (!linked(false)) fail(workers[0], costs.source());
}

// Pairs of machines without a link, those of the source before others.
std::vector<std::pair<std::size_t, std::size_t>> missing_links(const PipelineCosts& costs) {
  std::vector<std::size_t> machines = costs.workers();
  std::erase(machines, costs.source());
  machines.insert(machines.begin(), costs.source());
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t a = 0; a < machines.size(); ++a)
    for (std::size_t b = a + 1; b < machines.size(); ++b)
      if (!costs.linked(machines[a], machines[b]) || !costs.linked(machines[b], machines[a]))
        pairs.emplace_back(machines[a], machines[b]);
  return pairs;
}

// "" if links are not all that is missing.
std::string lack_of_links(const PipelineCosts& costs) {
  const auto missing = missing_links(costs);
  const auto fits = [&](const Cluster& cluster) {
    return search_latency(costs.problem(), cluster, {}).has_value();
  };
  if (missing.empty() || fits(costs.cluster())) return "";
  Cluster linked = costs.cluster();
  // The last counts only where there is no other way.
  linked.networks.push_back({.name = "all", .machines = {}, .link = {}});
  if (!fits(linked)) return "";
  for (const auto& [a, b] : std::span(missing).first(std::min(missing.size(), kMostLinksTried))) {
    Cluster with_one = costs.cluster();
    const auto& [one, other] = std::pair{costs.machine(a).name, costs.machine(b).name};
    with_one.links.push_back({.a = one, .b = other, .up = {}, .down = {}});
    if (fits(with_one))
      return fmt::format("no plan fits without a link between {} and {}: {}", one, other, kAddLink);
  }
  return fmt::format("no plan fits without more links, as between {} and {}: {}",
                     costs.machine(missing.front().first).name,
                     costs.machine(missing.front().second).name, kAddLink);
}

// Every layer fits somewhere, and all of them together do not.
std::string lack_of_memory(const PipelineCosts& costs) {
  const auto workers = costs.workers();
  double weights = 0;
  double peak = 0;
  for (const PipelineUnit& unit : costs.problem().units) {
    weights += static_cast<double>(unit.weight_bytes);
    peak = std::max(peak, static_cast<double>(unit.peak_bytes));
  }
  const double running =
      static_cast<double>(workers.size()) * static_cast<double>(kRuntimeBytes) + peak;
  double memory = 0;
  for (const std::size_t worker : workers) {
    const Machine& machine = costs.machine(worker);
    // It is no lack of memory where one machine would hold it all.
    if (!machine.has_hard_limit()) return "no plan of this kind fits the machines: add machines";
    memory += static_cast<double>(machine.memory);
  }
  return fmt::format(
      "no plan fits: the network needs {} ({} of weights, {} to run) and the machines have {} "
      "together{}; add machines, give them more memory, or let them swap (`swap_bandwidth`)",
      format_bytes(weights + running), format_bytes(weights), format_bytes(running),
      format_bytes(memory),
      weights + running <= memory ? ", but it divides in no way that fits them" : "");
}

}  // namespace

void explain_no_plan(const PipelineCosts& costs) {
  if (costs.workers().empty())
    throw Error(ErrorKind::kUnsupported,
                "there is no machine besides the source's, " + costs.machine(costs.source()).name);
  for (std::size_t unit = 0; unit < costs.problem().units.size(); ++unit) {
    const Need need = least_need(costs, unit);
    if (need.fits) continue;
    throw Error(ErrorKind::kUnsupported,
                fmt::format("no machine can hold {}: {} would need {} of its {}{}; {}give it more "
                            "memory, or let it swap (`swap_bandwidth`)",
                            costs.problem().units[unit].until, costs.machine(need.machine).name,
                            format_bytes(need.footprint),
                            format_bytes(static_cast<double>(costs.machine(need.machine).memory)),
                            need.shards > 1 ? fmt::format(" even in {} shards", need.shards) : "",
                            need.would_fit ? "add machines, " : ""));
  }
  check_links(costs);
  const std::string links = lack_of_links(costs);
  throw Error(ErrorKind::kUnsupported, links.empty() ? lack_of_memory(costs) : links);
}

}  // namespace isthmus
