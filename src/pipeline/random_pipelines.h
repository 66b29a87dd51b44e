#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "pipeline/costs.h"

namespace isthmus {

// For tests: small random pipeline problems, and all plans for them.

struct PipelineCase {
  PipelineProblem problem;
  Cluster cluster;
};

inline LinkProfile lan(double bandwidth, double latency) {
  return {.name = "lan", .bandwidth = bandwidth, .latency = Seconds{latency}};
}

// A source and boards ("board0", ...) of the given slowdowns on one switch.
inline Cluster boards(const std::vector<double>& slowdowns, double bandwidth = 94.1e6,
                      double latency = 0.0002) {
  Cluster cluster;
  cluster.source = "camera";
  cluster.machines.push_back({.name = "camera"});
  for (std::size_t i = 0; i < slowdowns.size(); ++i)
    cluster.machines.push_back({.name = "board" + std::to_string(i), .slowdown = slowdowns[i]});
  for (std::size_t a = 0; a < cluster.machines.size(); ++a)
    for (std::size_t b = a + 1; b < cluster.machines.size(); ++b)
      cluster.links.push_back({cluster.machines[a].name, cluster.machines[b].name,
                               lan(bandwidth, latency), lan(bandwidth, latency)});
  return cluster;
}

struct PipelineCaseOptions {
  int units = 5;
  int machines = 4;
  // Options of shards per unit, about.
  double shards = 0.7;
  // Whether machines and links differ, and whether there are limits of memory.
  bool unequal = true;
  bool memory = true;
  bool source_may_run = false;
  double most_weight_bytes = 50e6;
  // Of all links.
  double missing_links = 0;
};

inline PipelineProblem random_problem(Rng& rng, const PipelineCaseOptions& options) {
  PipelineProblem problem;
  problem.source_may_run = options.source_may_run;
  problem.in_bytes = static_cast<std::int64_t>(rng.uniform(1e3, 1e6));
  problem.in_encode = Seconds{rng.uniform(0, 2e-3)};
  problem.in_decode = Seconds{rng.uniform(0, 2e-3)};
  const int units = 1 + static_cast<int>(rng.below(static_cast<std::uint64_t>(options.units)));
  for (int i = 0; i < units; ++i) {
    std::string name = "unit";
    name += std::to_string(i);
    problem.units.push_back(
        {.until = name,
         .time = Seconds{rng.uniform(0.01, 0.2)},
         .weight_bytes = static_cast<std::int64_t>(rng.uniform(0, options.most_weight_bytes)),
         .peak_bytes = static_cast<std::int64_t>(rng.uniform(0, 10e6)),
         .out_bytes = static_cast<std::int64_t>(rng.uniform(1e3, 1e6)),
         .encode = Seconds{rng.uniform(0, 2e-3)},
         .decode = Seconds{rng.uniform(0, 2e-3)}});
  }
  for (std::size_t i = 0; i < problem.units.size(); ++i) {
    if (rng.uniform() > options.shards) continue;
    const std::size_t last = std::min(i + rng.below(2), problem.units.size() - 1);
    double time = 0;
    double weights = 0;
    for (std::size_t k = i; k <= last; ++k) {
      time += problem.units[k].time.count();
      weights += static_cast<double>(problem.units[k].weight_bytes);
    }
    const auto in = static_cast<double>(i == 0 ? problem.in_bytes : problem.units[i - 1].out_bytes);
    const auto out = static_cast<double>(problem.units[last].out_bytes);
    const bool channel = rng.below(2) == 0;
    problem.shards.push_back({.first = i,
                              .last = last,
                              .kind = channel ? "channel" : "spatial",
                              .most = 2 + static_cast<int>(rng.below(3)),
                              .time = {time * rng.uniform(0, 0.2), time},
                              .weight_bytes = channel ? Linear{0, weights} : Linear{weights, 0},
                              .peak_bytes = {0, static_cast<double>(problem.units[i].peak_bytes)},
                              .in_bytes = channel ? Linear{in, 0} : Linear{0.1 * in, in},
                              .out_bytes = {0, out},
                              .scatter = Seconds{rng.uniform(0, 2e-3)},
                              .merge = Seconds{rng.uniform(0, 2e-3)}});
  }
  return problem;
}

inline PipelineCase random_case(std::uint64_t seed, const PipelineCaseOptions& options) {
  Rng rng(seed);
  PipelineCase random;
  random.problem = random_problem(rng, options);
  const int machines =
      1 + static_cast<int>(rng.below(static_cast<std::uint64_t>(options.machines)));
  std::vector<double> slowdowns;
  for (int i = 0; i < machines; ++i)
    slowdowns.push_back(options.unequal && rng.below(2) == 0 ? rng.uniform(0.5, 4) : 1);
  random.cluster = boards(slowdowns, rng.uniform(2e7, 5e8));
  if (options.unequal && rng.below(3) == 0)
    for (ClusterLink& link : random.cluster.links) link.up = lan(rng.uniform(2e7, 5e8), 0.001);
  std::erase_if(random.cluster.links,
                [&](const ClusterLink&) { return rng.uniform() < options.missing_links; });
  if (options.memory && rng.below(2) == 0) {
    const auto memory = static_cast<std::int64_t>(50e6 + rng.uniform(30e6, 200e6));
    const double swap = rng.below(2) == 0 ? 0 : rng.uniform(1e7, 1e9);
    for (Machine& machine : random.cluster.machines) {
      machine.memory = memory;
      machine.swap_bandwidth = swap;
      if (options.unequal && rng.below(3) == 0) machine.memory = 2 * memory;
    }
  }
  return random;
}

// Which plans the enumeration contains.
struct EnumerationOptions {
  bool replicas = true;
  bool shards = true;
  // Machines may serve several stages.
  bool reuse = false;
};

// Visits all plans, possible or not; machines that share a layer come in any order.
class PipelineEnumeration {
 public:
  PipelineEnumeration(const PipelineCase& small, EnumerationOptions options,
                      std::function<void(const PipelinePlan&)> visit)
      : problem_(small.problem),
        cluster_(small.cluster),
        costs_(small.problem, small.cluster),
        options_(options),
        visit_(std::move(visit)) {}

  void run() { extend(0, 0); }

 private:
  // From a unit on, with the machines of the bit set taken.
  void extend(std::size_t first, unsigned taken) {
    if (first == problem_.units.size()) return visit_(plan_);
    const auto workers = costs_.workers();
    for (unsigned set = 1; set < 1U << workers.size(); ++set) {
      if ((set & taken) != 0 && !options_.reuse) continue;
      std::vector<std::size_t> machines;
      for (std::size_t k = 0; k < workers.size(); ++k)
        if ((set >> k & 1) != 0) machines.push_back(workers[k]);
      const bool single = machines.size() == 1;
      if (!single && std::ranges::count(machines, costs_.source()) > 0) continue;
      if (single || options_.replicas)
        for (std::size_t last = first; last < problem_.units.size(); ++last)
          add(first, last, single ? StageMode::kSingle : StageMode::kReplicas, 0, machines,
              taken | set);
      if (!single && options_.shards) add_shards(first, machines, taken | set);
    }
  }

  void add_shards(std::size_t first, std::vector<std::size_t> machines, unsigned taken) {
    for (std::size_t o = 0; o < problem_.shards.size(); ++o) {
      const ShardOption& option = problem_.shards[o];
      if (option.first != first || option.most < static_cast<int>(machines.size())) continue;
      std::ranges::sort(machines);
      do add(first, option.last, StageMode::kShards, o, machines, taken);
      while (std::ranges::next_permutation(machines).found);
    }
  }

  void add(std::size_t first, std::size_t last, StageMode mode, std::size_t option,
           const std::vector<std::size_t>& machines, unsigned taken) {
    // The source's machine runs the first stage or the last.
    if (!options_.reuse && machines[0] == costs_.source() && first > 0 &&
        last + 1 < problem_.units.size())
      return;
    std::vector<Seat> seats;
    for (const std::size_t machine : machines) seats.push_back({.machine = machine});
    set_shares(costs_, mode, option, seats);
    PipelineStage stage{.first = first, .last = last, .mode = mode, .option = option};
    for (const Seat& seat : seats) {
      stage.machines.push_back(cluster_.machines[seat.machine].name);
      stage.shares.push_back(seat.share);
    }
    plan_.stages.push_back(std::move(stage));
    extend(last + 1, taken);
    plan_.stages.pop_back();
  }

  const PipelineProblem& problem_;
  const Cluster& cluster_;
  const PipelineCosts costs_;
  const EnumerationOptions options_;
  const std::function<void(const PipelinePlan&)> visit_;
  PipelinePlan plan_;
};

// The best plan of the enumeration; nothing if none is possible.
inline std::optional<PipelinePlan> best_of_all(const PipelineCase& small,
                                               EnumerationOptions options,
                                               PipelineObjective objective) {
  std::optional<PipelinePlan> best;
  const auto value = [&](const PipelinePlan& plan) {
    return objective == PipelineObjective::kThroughput ? plan.period : plan.latency;
  };
  PipelineEnumeration(small, options, [&](const PipelinePlan& plan) {
    try {
      PipelinePlan each = evaluated(small.problem, small.cluster, plan);
      if (!best || value(each) < value(*best)) best = std::move(each);
    } catch (const Error&) {
      // Not possible.
    }
  }).run();
  return best;
}

}  // namespace isthmus
