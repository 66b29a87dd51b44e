#include "pipeline/forced_shards.h"

#include <algorithm>

namespace isthmus {
namespace {

bool holds(const PipelineCosts& costs, const SeatedStage& stage, const Seat& seat) {
  const auto memory = static_cast<double>(costs.machine(seat.machine).memory);
  return memory <= 0 || costs.footprint(costs.weights(stage, seat), costs.peak(stage, seat),
                                        seat.machine) <= memory;
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

}  // namespace

bool holds(const PipelineCosts& costs, const SeatedStage& stage) {
  return std::ranges::all_of(stage.seats,
                             [&](const Seat& seat) { return holds(costs, stage, seat); });
}

std::vector<std::optional<ForcedShards>> forced_shards(const PipelineCosts& costs) {
  const auto& problem = costs.problem();
  std::vector<std::size_t> workers = costs.workers();
  std::vector<std::optional<ForcedShards>> forced(problem.units.size());
  for (std::size_t i = 0; i < problem.units.size(); ++i) {
    if (std::ranges::any_of(workers, [&](std::size_t worker) {
          return holds(costs, {.first = i, .last = i}, {.machine = worker});
        }))
      continue;
    for (std::size_t o = 0; o < problem.shards.size(); ++o) {
      const ShardOption& option = problem.shards[o];
      if (option.first > i || option.last < i) continue;
      const int shards = fewest(costs, o, workers);
      auto& best = forced[option.first];
      if (shards == 0) continue;
      if (!best || shards < best->shards ||
          (shards == best->shards &&
           traffic(option, shards) < traffic(problem.shards[best->option], shards)))
        best = {o, shards};
    }
  }
  // Options that overlap with one before are dropped.
  for (std::size_t i = 0; i < forced.size(); ++i) {
    if (!forced[i]) continue;
    for (std::size_t k = i + 1; k <= problem.shards[forced[i]->option].last; ++k) forced[k].reset();
  }
  return forced;
}

}  // namespace isthmus
