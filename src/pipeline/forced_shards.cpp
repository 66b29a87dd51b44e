#include "pipeline/forced_shards.h"

#include <algorithm>

namespace isthmus {
namespace {

// A unit whole may be in a stage with others, which needs room for frames where that begins and
// ends.
bool holds(const PipelineCosts& costs, const SeatedStage& stage, const Seat& seat) {
  const auto memory = static_cast<double>(costs.machine(seat.machine).memory);
  const double held =
      stage.mode == StageMode::kShards ? costs.held(stage, seat) : costs.weights(stage, seat);
  return memory <= 0 || costs.footprint(held, costs.peak(stage, seat), seat.machine) <= memory;
}

// On how many machines the option fits any of the workers; 0 for none.
int fewest(const PipelineCosts& costs, std::size_t o, const std::vector<std::size_t>& workers) {
  const ShardOption& option = costs.problem().shards[o];
  const int most = std::min(option.most, static_cast<int>(workers.size()));
  for (int k = 2; k <= most; ++k) {
    const SeatedStage stage{
        .first = option.first, .last = option.last, .mode = StageMode::kShards, .option = o};
    const auto fits = std::ranges::count_if(workers, [&](std::size_t worker) {
      return holds(costs, stage, {.machine = worker, .share = 1.0 / k});
    });
    if (fits >= k) return k;
  }
  return 0;
}

double traffic(const ShardOption& option, int shards) {
  return shards * (option.in_bytes.at(1.0 / shards) + option.out_bytes.at(1.0 / shards));
}

bool fits_whole(const PipelineCosts& costs, std::size_t unit,
                const std::vector<std::size_t>& workers) {
  return std::ranges::any_of(workers, [&](std::size_t worker) {
    return holds(costs, {.first = unit, .last = unit}, {.machine = worker});
  });
}

// Of the options that cover the unit and no unit before `from`.
std::optional<ForcedShards> cheapest(const PipelineCosts& costs, std::size_t unit, std::size_t from,
                                     const std::vector<std::size_t>& workers) {
  const auto& options = costs.problem().shards;
  std::optional<ForcedShards> best;
  for (std::size_t o = 0; o < options.size(); ++o) {
    if (options[o].first > unit || options[o].last < unit || options[o].first < from) continue;
    const int shards = fewest(costs, o, workers);
    if (shards == 0) continue;
    if (!best || shards < best->shards ||
        (shards == best->shards &&
         traffic(options[o], shards) < traffic(options[best->option], shards)))
      best = ForcedShards{o, shards};
  }
  return best;
}

}  // namespace

std::vector<std::optional<ForcedShards>> forced_shards(const PipelineCosts& costs,
                                                       const std::vector<std::size_t>& workers) {
  std::vector<std::optional<ForcedShards>> forced(costs.problem().units.size());
  // Units before it are covered, or need nothing.
  std::size_t next = 0;
  for (std::size_t unit = 0; unit < forced.size(); ++unit) {
    if (unit < next || fits_whole(costs, unit, workers)) continue;
    const auto best = cheapest(costs, unit, next, workers);
    if (!best) continue;
    const ShardOption& option = costs.problem().shards[best->option];
    forced[option.first] = best;
    next = option.last + 1;
  }
  return forced;
}

PipelineProblem with_forced_shards_only(PipelineProblem problem, const Cluster& cluster) {
  std::vector<bool> too_large;
  {
    const PipelineCosts costs(problem, cluster);
    const std::vector<std::size_t> workers = costs.workers();
    for (std::size_t unit = 0; unit < problem.units.size(); ++unit)
      too_large.push_back(!fits_whole(costs, unit, workers));
  }
  std::erase_if(problem.shards, [&](const ShardOption& option) {
    for (std::size_t unit = option.first; unit <= option.last; ++unit)
      if (too_large[unit]) return false;
    return true;
  });
  return problem;
}

}  // namespace isthmus
