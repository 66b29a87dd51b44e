#include "pipeline/coarse.h"

#include <algorithm>
#include <limits>

namespace isthmus {
namespace {

PipelineUnit joined(const PipelineUnit& a, const PipelineUnit& b) {
  PipelineUnit unit = b;
  unit.time += a.time;
  unit.weight_bytes += a.weight_bytes;
  unit.peak_bytes = std::max(a.peak_bytes, b.peak_bytes);
  return unit;
}

}  // namespace

CoarsePipeline coarsened(const PipelineProblem& problem, std::size_t most,
                         const std::vector<bool>& kept) {
  std::vector<bool> fixed(problem.units.size() + 1, false);
  for (std::size_t o = 0; o < problem.shards.size(); ++o)
    if (kept[o]) fixed[problem.shards[o].first] = fixed[problem.shards[o].last + 1] = true;
  CoarsePipeline coarse{.problem = problem, .begin = {}, .options = {}};
  std::vector<PipelineUnit>& units = coarse.problem.units;
  for (std::size_t i = 0; i <= units.size(); ++i) coarse.begin.push_back(i);
  while (units.size() > most) {
    std::size_t least = 0;
    for (std::size_t i = 1; i < units.size(); ++i)
      if (!fixed[coarse.begin[i]] && (least == 0 || units[i - 1].time + units[i].time <
                                                        units[least - 1].time + units[least].time))
        least = i;
    if (least == 0) break;
    units[least] = joined(units[least - 1], units[least]);
    units.erase(units.begin() + static_cast<std::ptrdiff_t>(least) - 1);
    coarse.begin.erase(coarse.begin.begin() + static_cast<std::ptrdiff_t>(least));
  }
  coarse.problem.shards.clear();
  for (std::size_t o = 0; o < problem.shards.size(); ++o) {
    ShardOption option = problem.shards[o];
    const auto first = std::ranges::lower_bound(coarse.begin, option.first);
    const auto end = std::ranges::lower_bound(coarse.begin, option.last + 1);
    if (*first != option.first || *end != option.last + 1) continue;
    option.first = static_cast<std::size_t>(first - coarse.begin.begin());
    option.last = static_cast<std::size_t>(end - coarse.begin.begin()) - 1;
    coarse.problem.shards.push_back(option);
    coarse.options.push_back(o);
  }
  return coarse;
}

std::vector<std::vector<std::size_t>> fewer_classes(const PipelineCosts& costs,
                                                    std::vector<std::vector<std::size_t>> classes,
                                                    std::size_t most) {
  const auto is_source = [&](const auto& each) { return each[0] == costs.source(); };
  while (classes.size() > most) {
    // The two neighbours that are most alike lose least.
    std::size_t best = 0;
    double least = 0;
    for (std::size_t i = 1; i < classes.size(); ++i) {
      if (is_source(classes[i]) || is_source(classes[i - 1])) continue;
      const double lost = static_cast<double>(classes[i - 1].size()) *
                          (costs.speed(classes[i - 1][0]) - costs.speed(classes[i][0]));
      if (best == 0 || lost < least) best = i, least = lost;
    }
    if (best == 0) break;
    classes[best].insert(classes[best].end(), classes[best - 1].begin(), classes[best - 1].end());
    classes.erase(classes.begin() + static_cast<std::ptrdiff_t>(best) - 1);
  }
  return classes;
}

Cluster with_typical_machines(const Cluster& cluster,
                              const std::vector<std::vector<std::size_t>>& classes) {
  Cluster typical = cluster;
  for (const auto& each : classes) {
    Machine& machine = typical.machines[each[0]];
    double speed = 0;
    for (const std::size_t i : each) {
      const Machine& other = cluster.machines[i];
      speed += other.cores / other.slowdown / static_cast<double>(each.size());
      // 0 is no limit.
      if (other.memory > 0 && (machine.memory == 0 || other.memory < machine.memory))
        machine.memory = other.memory;
      machine.swap_bandwidth = std::min(machine.swap_bandwidth, other.swap_bandwidth);
    }
    if (each.size() > 1) machine.slowdown = machine.cores / speed;
  }
  return typical;
}

Cluster with_free_links(Cluster cluster) {
  const auto make_free = [](LinkProfile& profile) {
    profile.bandwidth = std::numeric_limits<double>::infinity();
    profile.latency = Seconds{0};
    profile.loss = 0;
    profile.trace = nullptr;
  };
  for (ClusterLink& link : cluster.links) make_free(link.up), make_free(link.down);
  for (ClusterNetwork& network : cluster.networks) make_free(network.link);
  return cluster;
}

}  // namespace isthmus
