#include "pipeline/search.h"

#include <algorithm>
#include <cmath>

#include "pipeline/coarse.h"
#include "pipeline/labels.h"
#include "pipeline/polish.h"

namespace isthmus {
namespace {

constexpr double kTolerance = 1e-3;
constexpr double kThoroughTolerance = 1e-6;
// Work of one bound: (machines taken, team) pairs times pairs of units; below the first, every
// label is kept.
constexpr double kThoroughWork = 1e5;
constexpr double kMostWork = 2e7;
// More of these pairs and machines that differ are treated as alike.
constexpr double kMostPairs = 2e4;
constexpr std::size_t kFewestUnits = 24;
// 12 different machines are planned exactly to begin with, for single stages.
constexpr double kMostExactCounts = 1 << 12;
constexpr double kMostExactWork = 4.2e5;
constexpr double kCoarseTolerance = 0.02;
// Plans found on the way that are improved.
constexpr std::size_t kPolished = 8;
// A layer that takes less time of its machine than this share of the best period is not worth
// sharding where units must be merged.
constexpr double kWorthSharding = 0.5;

double team_pairs(const std::vector<std::vector<std::size_t>>& classes) {
  double pairs = 1;
  for (const auto& each : classes) {
    const auto n = static_cast<double>(each.size());
    pairs *= (n + 1) * (n + 2) / 2;
  }
  return pairs;
}

// Of a problem that may be a coarse one.
class ThroughputSearch {
 public:
  ThroughputSearch(const PipelineProblem& problem, const Cluster& cluster)
      : problem_(problem), cluster_(cluster), plain_(problem, cluster) {
    classes_ = alike_machines(plain_, plain_.workers());
    for (std::size_t most = kMostClasses;
         most > 0 && (classes_.size() > most || team_pairs(classes_) > kMostPairs); --most)
      classes_ = fewer_classes(plain_, classes_, most);
    const double pairs = team_pairs(classes_);
    const auto n = static_cast<double>(problem.units.size());
    thorough_ = pairs * n * n / 2 <= kThoroughWork;
    const double fewer = std::sqrt(2 * kMostWork / pairs);
    coarse_ = coarsened(problem, std::max(kFewestUnits, static_cast<std::size_t>(fewer)),
                        worth_sharding());
    typical_ = with_typical_machines(cluster, classes_);
  }

  std::optional<PipelinePlan> run() {
    if (classes_.empty()) return std::nullopt;
    const PipelineCosts costs(coarse_.problem, typical_, classes_);
    LabelledPipelines pipelines(costs, classes_, thorough_);
    double low = pipelines.lower_bound();
    double high = start();
    if (high == PipelineCosts::kNever) high = first_possible(pipelines, low);
    if (high == PipelineCosts::kNever) return best();
    const double tolerance = thorough_ ? kThoroughTolerance : kTolerance;
    while (high - low > tolerance * high) {
      const double middle = (low + high) / 2;
      if (const auto stages = pipelines.within(middle)) {
        high = middle;
        consider(*stages);
      } else {
        low = middle;
      }
    }
    // Perhaps fewer machines are as good.
    if (const auto stages = pipelines.within(high * (1 + 1e-9))) consider(*stages);
    return best();
  }

 private:
  // Options of layers that no machine holds, or that take long.
  std::vector<bool> worth_sharding() const {
    double speed = 0;
    double fastest = 0;
    for (const std::size_t worker : plain_.workers()) {
      speed += plain_.speed(worker);
      fastest = std::max(fastest, plain_.speed(worker));
    }
    const double period = plain_.work(0, problem_.units.size() - 1) / speed;
    std::vector<bool> worth;
    for (const ShardOption& option : problem_.shards) {
      const SeatedStage whole{.first = option.first, .last = option.last};
      const bool held = std::ranges::any_of(plain_.workers(), [&](std::size_t worker) {
        return plain_.compute(whole, {.machine = worker}) < PipelineCosts::kNever;
      });
      worth.push_back(!held ||
                      plain_.work(option.first, option.last) / fastest > kWorthSharding * period);
    }
    return worth;
  }

  // The best of the plans that are easy to find.
  double start() {
    consider_contiguous();
    if (problem_.replicas && plain_.workers().size() > 1) consider(all_replicas());
    double period = PipelineCosts::kNever;
    for (const PipelinePlan& plan : found_) period = std::min(period, plan.period.count());
    return period;
  }

  std::optional<PipelinePlan> best() {
    std::ranges::stable_sort(found_, {}, &PipelinePlan::period);
    std::optional<PipelinePlan> best;
    // Where the model was exact, so is the plan; only boundaries of merged units may move.
    const bool exact = classes_.size() == alike_machines(plain_, plain_.workers()).size();
    for (std::size_t i = 0; i < std::min(found_.size(), exact ? 1 : kPolished); ++i) {
      PipelinePlan plan = polished(problem_, cluster_, found_[i]);
      if (!best || plan.period < best->period) best = std::move(plan);
    }
    return best;
  }

  // In the problem's own units where that does not take long.
  void consider_contiguous() {
    const double counts = counts_of(alike_machines(plain_, plain_.workers()));
    if (counts > kMostExactCounts) return;
    if (counts * static_cast<double>(problem_.units.size()) <= kMostExactWork) {
      const auto plan = contiguous_for_throughput(problem_, cluster_, kTolerance);
      if (plan) found_.push_back(*plan);
    } else if (const auto plan =
                   contiguous_for_throughput(coarse_.problem, cluster_, kCoarseTolerance)) {
      consider(*plan);
    }
  }

  PipelinePlan all_replicas() const {
    std::vector<std::size_t> workers = plain_.workers();
    std::erase(workers, plain_.source());
    PipelinePlan plan;
    plan.stages = {
        stage_on(plain_,
                 {.first = 0,
                  .last = coarse_.problem.units.size() - 1,
                  .mode = workers.size() > 1 ? StageMode::kReplicas : StageMode::kSingle},
                 workers)};
    return plan;
  }

  double first_possible(LabelledPipelines& pipelines, double low) {
    constexpr int kDoublings = 60;
    double bound = std::max(low, 1e-6);
    for (int i = 0; i < kDoublings; ++i, bound *= 2) {
      const auto stages = pipelines.within(bound);
      if (!stages) continue;
      consider(*stages);
      return bound;
    }
    return PipelineCosts::kNever;
  }

  // In the problem's own units.
  void consider(PipelinePlan plan) {
    for (PipelineStage& stage : plan.stages) {
      stage.first = coarse_.begin[stage.first];
      stage.last = coarse_.begin[stage.last + 1] - 1;
      if (stage.mode == StageMode::kShards) stage.option = coarse_.options[stage.option];
    }
    const auto result = possible(plain_, cluster_, std::move(plan));
    // The latest is the one with the fewest machines, and comes first among equals.
    if (result) found_.insert(found_.begin(), *result);
  }

  void consider(const std::vector<LabelledPipelines::Stage>& stages) {
    const PipelineCosts costs(coarse_.problem, cluster_);
    PipelinePlan plan;
    Roster roster(classes_);
    for (const auto& stage : stages) {
      std::vector<std::size_t> machines;
      for (std::size_t c = 0; c < classes_.size(); ++c)
        for (int k = 0; k < stage.machines[c]; ++k) machines.push_back(roster.take(c));
      plan.stages.push_back(
          stage_on(costs, {stage.first, stage.last, stage.mode, stage.option, {}}, machines));
    }
    consider(std::move(plan));
  }

  const PipelineProblem& problem_;
  const Cluster& cluster_;
  const PipelineCosts plain_;
  std::vector<std::vector<std::size_t>> classes_;
  CoarsePipeline coarse_;
  Cluster typical_;
  bool thorough_ = true;
  std::vector<PipelinePlan> found_;
};

}  // namespace

std::optional<PipelinePlan> search_throughput(const PipelineProblem& problem,
                                              const Cluster& cluster) {
  return ThroughputSearch(problem, cluster).run();
}

}  // namespace isthmus
