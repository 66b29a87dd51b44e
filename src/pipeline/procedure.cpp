#include "pipeline/procedure.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "pipeline/forced_shards.h"
#include "pipeline/no_plan.h"

namespace isthmus {
namespace {

constexpr int kHalvings = 50;
constexpr int kDraws = 500;

// All machines but the source, which may be a worker, too.
std::vector<std::size_t> boards_of(const PipelineCosts& costs) {
  std::vector<std::size_t> boards = costs.workers();
  std::erase(boards, costs.source());
  return boards;
}

// Step 2 of Procedure 1.
class EqualGroups {
 public:
  explicit EqualGroups(const PipelineCosts& costs)
      : costs_(costs),
        units_(costs.problem().units.size()),
        workers_(boards_of(costs)),
        forced_(forced_shards(costs, workers_)) {
    std::ranges::stable_sort(workers_, std::ranges::greater{},
                             [&](std::size_t worker) { return costs.speed(worker); });
  }

  // The lowest target of those that the machines can keep; nothing if there is none.
  std::optional<PipelinePlan> best() {
    if (workers_.empty()) return std::nullopt;
    double high = 0;
    for (const std::size_t worker : workers_)
      high = std::max(high, 2 * costs_.work(0, units_ - 1) / costs_.speed(worker));
    // Whatever swapping takes.
    constexpr int kDoublings = 30;
    for (int i = 0; i < kDoublings && !within(high); ++i) high *= 2;
    auto plan = within(high);
    if (!plan) return std::nullopt;
    double low = 0;
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = (low + high) / 2;
      if (auto better = within(middle)) {
        plan = std::move(better);
        high = middle;
      } else {
        low = middle;
      }
    }
    return plan;
  }

 private:
  std::optional<PipelinePlan> within(double target) {
    target_ = target;
    next_ = 0;
    plan_ = {};
    for (std::size_t first = 0; first < units_;) {
      const auto end = add_stage(first);
      if (!end) return std::nullopt;
      first = *end;
    }
    return plan_;
  }

  // One past its last unit.
  std::optional<std::size_t> add_stage(std::size_t first) {
    if (next_ >= workers_.size()) return std::nullopt;
    if (forced_[first]) return share(first, forced_[first]->option, forced_[first]->shards);
    std::size_t end = first;
    while (end < units_ && !forced_[end] && keeps(first, end)) ++end;
    if (end > first) return add({first, end - 1, StageMode::kSingle, 0, {}}, 1), end;
    for (std::size_t o = 0; o < costs_.problem().shards.size(); ++o)
      if (costs_.problem().shards[o].first == first)
        if (const auto shared = share(first, o, 2)) return shared;
    return replicate(first);
  }

  // The next machine, with units up to and with `last`.
  bool keeps(std::size_t first, std::size_t last) const {
    return costs_.compute({.first = first, .last = last}, {.machine = workers_[next_]}) <= target_;
  }

  bool keeps(const SeatedStage& stage, int count) const {
    std::vector<Seat> seats = next_seats(stage, count);
    return std::ranges::all_of(
        seats, [&](const Seat& seat) { return costs_.compute(stage, seat) <= target_; });
  }

  std::vector<Seat> next_seats(const SeatedStage& stage, int count) const {
    std::vector<Seat> seats;
    for (int k = 0; k < count; ++k)
      seats.push_back({.machine = workers_[next_ + static_cast<std::size_t>(k)]});
    set_shares(costs_, stage.mode, stage.option, seats);
    return seats;
  }

  int machines_left() const { return static_cast<int>(workers_.size() - next_); }

  std::optional<std::size_t> share(std::size_t first, std::size_t o, int fewest) {
    const ShardOption& option = costs_.problem().shards[o];
    const SeatedStage stage{first, option.last, StageMode::kShards, o, {}};
    for (int k = fewest; k <= std::min(option.most, machines_left()); ++k)
      if (keeps(stage, k)) return add(stage, k), option.last + 1;
    return std::nullopt;
  }

  std::optional<std::size_t> replicate(std::size_t unit) {
    const SeatedStage stage{unit, unit, StageMode::kReplicas, 0, {}};
    for (int k = 2; costs_.problem().replicas && k <= machines_left(); ++k)
      if (keeps(stage, k)) return add(stage, k), unit + 1;
    return std::nullopt;
  }

  void add(const SeatedStage& stage, int count) {
    std::vector<std::size_t> machines;
    for (int k = 0; k < count; ++k) machines.push_back(workers_[next_++]);
    plan_.stages.push_back(stage_on(costs_, stage, machines));
  }

  const PipelineCosts& costs_;
  const std::size_t units_;
  std::vector<std::size_t> workers_;
  const std::vector<std::optional<ForcedShards>> forced_;
  double target_ = 0;
  std::size_t next_ = 0;
  PipelinePlan plan_;
};

template <typename T>
void shuffle(std::vector<T>& values, Rng& rng) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.below(i)]);
}

// One draw; nothing if there are too few machines.
std::optional<PipelinePlan> drawn(const PipelineCosts& costs, Rng& rng) {
  const auto& problem = costs.problem();
  std::vector<std::size_t> machines = boards_of(costs);
  shuffle(machines, rng);
  const auto forced = forced_shards(costs, machines);
  // Stages without their machines; where a further cut could be; machines that are needed.
  std::vector<SeatedStage> stages;
  std::vector<std::size_t> cuts;
  std::vector<int> counts;
  for (std::size_t i = 0; i < problem.units.size();) {
    if (forced[i]) {
      const ShardOption& option = problem.shards[forced[i]->option];
      stages.push_back({i, option.last, StageMode::kShards, forced[i]->option, {}});
      counts.push_back(forced[i]->shards);
      i = option.last + 1;
      continue;
    }
    if (!stages.empty() && stages.back().mode == StageMode::kSingle) {
      cuts.push_back(i);
      stages.back().last = i;
    } else {
      stages.push_back({i, i, StageMode::kSingle, 0, {}});
      counts.push_back(1);
    }
    ++i;
  }
  int needed = 0;
  for (const int count : counts) needed += count;
  int spare = static_cast<int>(machines.size()) - needed;
  if (spare < 0) return std::nullopt;
  shuffle(cuts, rng);
  cuts.resize(std::min(cuts.size(), static_cast<std::size_t>(spare)));
  spare -= static_cast<int>(cuts.size());
  std::ranges::sort(cuts, std::ranges::greater{});
  for (const std::size_t cut : cuts) {
    const auto at = std::ranges::find_if(
        stages, [&](const SeatedStage& stage) { return stage.first < cut && cut <= stage.last; });
    const auto index = at - stages.begin();
    SeatedStage rest = *at;
    at->last = cut - 1;
    rest.first = cut;
    stages.insert(stages.begin() + index + 1, rest);
    counts.insert(counts.begin() + index + 1, 1);
  }
  for (std::size_t s = 0; s < stages.size(); ++s)
    while (stages[s].mode == StageMode::kShards && spare > 0 &&
           counts[s] < problem.shards[stages[s].option].most)
      ++counts[s], --spare;
  PipelinePlan plan;
  auto next = machines.begin();
  for (std::size_t s = 0; s < stages.size(); ++s, next += counts[s - 1])
    plan.stages.push_back(stage_on(costs, stages[s], {next, next + counts[s]}));
  return plan;
}

}  // namespace

PipelinePlan procedure_1(const PipelineProblem& problem, const Cluster& cluster) {
  const PipelineCosts costs(problem, cluster);
  auto plan = EqualGroups(costs).best();
  if (!plan) explain_no_plan(costs);
  return evaluated(costs, cluster, std::move(*plan));
}

std::optional<PipelinePlan> try_random_assignment(const PipelineProblem& problem,
                                                  const Cluster& cluster, std::uint64_t seed) {
  const PipelineCosts costs(problem, cluster);
  Rng rng(seed);
  for (int draw = 0; draw < kDraws; ++draw) {
    auto plan = drawn(costs, rng);
    if (!plan) break;
    if (auto correct = possible(costs, cluster, std::move(*plan))) return correct;
  }
  return std::nullopt;
}

PipelinePlan random_assignment(const PipelineProblem& problem, const Cluster& cluster,
                               std::uint64_t seed) {
  auto plan = try_random_assignment(problem, cluster, seed);
  if (!plan) explain_no_plan(PipelineCosts(problem, cluster));
  return std::move(*plan);
}

}  // namespace isthmus
