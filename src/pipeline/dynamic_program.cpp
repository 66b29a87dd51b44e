#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "core/error.h"
#include "pipeline/machine_classes.h"
#include "pipeline/search.h"

namespace isthmus {
namespace {

// Of machines taken: 16 different ones have as many subsets.
constexpr double kMostCounts = 1 << 16;

// A set of boundaries.
class Boundaries {
 public:
  explicit Boundaries(std::size_t size = 0) : words_((size + 63) / 64, 0) {}

  void add(std::size_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  bool has(std::size_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void add_all(const Boundaries& other) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] |= other.words_[w];
  }
  void add_common(const Boundaries& a, const Boundaries& b) {
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] |= a.words_[w] & b.words_[w];
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::size_t w = 0; w < words_.size(); ++w)
      for (std::uint64_t rest = words_[w]; rest != 0; rest &= rest - 1)
        visit(64 * w + static_cast<std::size_t>(std::countr_zero(rest)));
  }

 private:
  std::vector<std::uint64_t> words_;
};

// For a bound T on the period: which boundaries can be reached, by the machines taken and the class
// of the last. A stage costs its machine what depends on its own ends only, and a message what
// depends on the two classes at its boundary, so a set of boundaries says all.
class ContiguousPipelines {
 public:
  ContiguousPipelines(const PipelineCosts& costs,
                      const std::vector<std::vector<std::size_t>>& classes)
      : costs_(costs), classes_(classes), counts_(classes), units_(costs.problem().units.size()) {
    for (std::size_t c = 0; c < classes.size(); ++c) stage_cost_.push_back(stage_costs(c));
    for (std::size_t p = 0; p <= units_; ++p) messages_.push_back(costs.message(p));
    const double codecs = messages_[0].encode + messages_[units_].decode;
    source_cost_ =
        codecs * costs.machine(costs.source()).slowdown / costs.machine(costs.source()).cores;
    order_ = counts_.by_total();
  }

  struct Solution {
    // Last stage first: [first, last) and class.
    struct Stage {
      std::size_t first;
      std::size_t end;
      std::size_t machine_class;
    };
    std::vector<Stage> stages;
  };

  // With the fewest machines of those whose period is at most `bound`.
  std::optional<Solution> within(double bound) {
    prepare(bound);
    reach_.assign(counts_.size() * classes_.size(), Boundaries(units_ + 1));
    for (std::size_t code = 1; code < counts_.size(); ++code)
      for (std::size_t c = 0; c < classes_.size(); ++c)
        if (counts_.taken(code, c) > 0) extend(code, c);
    for (const std::size_t code : order_)
      for (std::size_t c = 0; c < classes_.size(); ++c)
        if (finishes(code, c, bound)) return trace_back(code, c);
    return std::nullopt;
  }

 private:
  bool is_source(std::size_t c) const { return classes_[c][0] == costs_.source(); }

  // By first unit and end.
  std::vector<double> stage_costs(std::size_t c) const {
    std::vector<double> table((units_ + 1) * (units_ + 1), PipelineCosts::kNever);
    const std::array<Seat, 1> seat = {Seat{.machine = classes_[c][0]}};
    const double cpu =
        costs_.machine(seat[0].machine).slowdown / costs_.machine(seat[0].machine).cores;
    for (std::size_t i = 0; i < units_; ++i) {
      for (std::size_t end = i + 1; end <= units_; ++end) {
        if (is_source(c) && i > 0 && end < units_) continue;
        const double own = costs_.compute({.first = i, .last = end - 1, .seats = seat}, seat[0]);
        if (own == PipelineCosts::kNever) break;
        table[i * (units_ + 1) + end] = own + cpu * codecs(is_source(c), i, end);
      }
    }
    return table;
  }

  // CPU time of the codecs of a machine that runs [first, end), at slowdown 1.
  double codecs(bool source, std::size_t first, std::size_t end) const {
    const double in = costs_.message(first).decode;
    const double out = costs_.message(end).encode;
    if (!source) return in + out;
    const double to_first = first > 0 ? costs_.message(0).encode + in : 0;
    return to_first + (end < units_ ? costs_.message(units_).decode + out : 0);
  }

  bool passes(std::size_t boundary, std::size_t from, std::size_t to, double bound) const {
    return costs_.air(messages_[boundary].bytes, from, to) <= bound;
  }

  void prepare(double bound) {
    const std::size_t kinds = classes_.size();
    fits_.assign(kinds * units_, Boundaries(units_ + 1));
    passes_.assign(kinds * kinds, Boundaries(units_ + 1));
    for (std::size_t c = 0; c < kinds; ++c) {
      for (std::size_t i = 0; i < units_; ++i)
        for (std::size_t end = i + 1; end <= units_; ++end)
          if (stage_cost_[c][i * (units_ + 1) + end] <= bound) fits_[c * units_ + i].add(end);
      for (std::size_t d = 0; d < kinds; ++d)
        for (std::size_t p = 1; p < units_; ++p)
          if (passes(p, classes_[c][0], classes_[d][0], bound)) passes_[c * kinds + d].add(p);
    }
    starts_.assign(kinds, false);
    for (std::size_t c = 0; c < kinds; ++c)
      starts_[c] = is_source(c) || passes(0, costs_.source(), classes_[c][0], bound);
  }

  // Where a stage of class c can begin when the others are taken.
  Boundaries begins(std::size_t others, std::size_t c) const {
    Boundaries begins(units_ + 1);
    if (others == 0 && starts_[c]) begins.add(0);
    for (std::size_t b = 0; b < classes_.size(); ++b)
      if (counts_.taken(others, b) > 0)
        begins.add_common(reach_[others * classes_.size() + b], passes_[b * classes_.size() + c]);
    return begins;
  }

  void extend(std::size_t code, std::size_t c) {
    Boundaries& reach = reach_[code * classes_.size() + c];
    begins(code - counts_.step(c), c).for_each([&](std::size_t i) {
      if (i < units_) reach.add_all(fits_[c * units_ + i]);
    });
  }

  bool finishes(std::size_t code, std::size_t c, double bound) const {
    if (counts_.taken(code, c) == 0 || !reach_[code * classes_.size() + c].has(units_))
      return false;
    if (!is_source(c) && !passes(units_, classes_[c][0], costs_.source(), bound)) return false;
    for (std::size_t b = 0; b < classes_.size(); ++b)
      if (is_source(b) && counts_.taken(code, b) > 0) return true;
    return source_cost_ <= bound;
  }

  Solution trace_back(std::size_t code, std::size_t c) const {
    Solution solution;
    for (std::size_t end = units_; end > 0;) {
      const std::size_t others = code - counts_.step(c);
      std::size_t first = units_;
      begins(others, c).for_each([&](std::size_t i) {
        if (first == units_ && i < end && fits_[c * units_ + i].has(end)) first = i;
      });
      solution.stages.push_back({first, end, c});
      for (std::size_t b = 0; first > 0 && b < classes_.size(); ++b) {
        if (counts_.taken(others, b) == 0 || !reach_[others * classes_.size() + b].has(first) ||
            !passes_[b * classes_.size() + c].has(first))
          continue;
        c = b;
        break;
      }
      code = others;
      end = first;
    }
    return solution;
  }

  const PipelineCosts& costs_;
  const std::vector<std::vector<std::size_t>>& classes_;
  const Counts counts_;
  const std::size_t units_;
  std::vector<std::size_t> order_;
  std::vector<PipelineCosts::Message> messages_;
  double source_cost_ = 0;
  // By class: by first unit and end.
  std::vector<std::vector<double>> stage_cost_;
  // For one bound: ends by class and first unit; boundaries by both classes; whether a class can
  // begin; boundaries by code and class of the last.
  std::vector<Boundaries> fits_;
  std::vector<Boundaries> passes_;
  std::vector<bool> starts_;
  std::vector<Boundaries> reach_;
};

}  // namespace

std::optional<PipelinePlan> contiguous_for_throughput(const PipelineProblem& problem,
                                                      const Cluster& cluster, double tolerance) {
  const PipelineCosts plain(problem, cluster);
  const auto classes = alike_machines(plain, plain.workers());
  if (counts_of(classes) > kMostCounts)
    throw Error(
        ErrorKind::kUnsupported,
        "exact planning takes machines of few kinds (16 machines that all differ, more where "
        "some are alike), not " +
            std::to_string(classes.size()) + " kinds of as many as these");
  const PipelineCosts costs(problem, cluster, classes);
  ContiguousPipelines pipelines(costs, classes);
  double high = std::numeric_limits<double>::max();
  auto best = pipelines.within(high);
  if (!best) return std::nullopt;
  const auto plan_of = [&](const ContiguousPipelines::Solution& solution) {
    PipelinePlan plan;
    Roster roster(classes);
    for (auto stage = solution.stages.rbegin(); stage != solution.stages.rend(); ++stage)
      plan.stages.push_back({.first = stage->first,
                             .last = stage->end - 1,
                             .machines = {costs.machine(roster.take(stage->machine_class)).name},
                             .shares = {1}});
    return evaluated(problem, cluster, std::move(plan));
  };
  PipelinePlan plan = plan_of(*best);
  high = plan.period.count();
  double low = 0;
  while (high - low > tolerance * high) {
    const double middle = (low + high) / 2;
    best = pipelines.within(middle);
    if (!best) {
      low = middle;
      continue;
    }
    plan = plan_of(*best);
    high = std::min(middle, plan.period.count());
  }
  // Perhaps fewer machines are as good.
  best = pipelines.within(high * (1 + tolerance));
  return best ? plan_of(*best) : plan;
}

}  // namespace isthmus
