#include "pipeline/machine_classes.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/text.h"

namespace isthmus {
namespace {

// The least that any worker needs to hold the unit, whole or in shards; and which worker that is.
struct Need {
  double footprint = PipelineCosts::kNever;
  std::size_t machine = 0;
  int shards = 1;
  bool fits = false;
};

Need least_need(const PipelineCosts& costs, std::size_t unit) {
  Need need;
  const auto workers = costs.workers();
  const auto consider = [&](const SeatedStage& stage, const Seat& seat, int shards) {
    const double footprint =
        costs.footprint(costs.weights(stage, seat), costs.peak(stage, seat), seat.machine);
    if (costs.swapping(footprint, seat.machine) < PipelineCosts::kNever) need.fits = true;
    const double memory = static_cast<double>(costs.machine(seat.machine).memory);
    if (footprint - memory <
        need.footprint - static_cast<double>(costs.machine(need.machine).memory))
      need.footprint = footprint, need.machine = seat.machine, need.shards = shards;
  };
  for (const std::size_t worker : workers) {
    consider({.first = unit, .last = unit}, {.machine = worker}, 1);
    for (std::size_t o = 0; o < costs.problem().shards.size(); ++o) {
      const ShardOption& option = costs.problem().shards[o];
      const int shards = std::min(option.most, static_cast<int>(workers.size()));
      if (option.first > unit || option.last < unit || shards < 2) continue;
      consider(
          {.first = option.first, .last = option.last, .mode = StageMode::kShards, .option = o},
          {.machine = worker, .share = 1.0 / shards}, shards);
    }
  }
  return need;
}

void check_links(const PipelineCosts& costs) {
  const auto fail = [&](std::size_t from, std::size_t to) {
    throw Error(ErrorKind::kUnsupported, "there is no link from " + costs.machine(from).name +
                                             " to " + costs.machine(to).name + ", which must talk");
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

}  // namespace

std::vector<std::vector<std::size_t>> alike_machines(const PipelineCosts& costs,
                                                     const std::vector<std::size_t>& machines) {
  std::vector<std::vector<std::size_t>> classes;
  for (const std::size_t machine : machines) {
    const auto at = std::ranges::find_if(classes, [&](const auto& each) {
      return std::ranges::all_of(each, [&](std::size_t m) { return costs.alike(m, machine); });
    });
    if (at == classes.end()) {
      classes.push_back({machine});
    } else {
      at->push_back(machine);
    }
  }
  std::ranges::stable_sort(classes, std::ranges::greater{},
                           [&](const auto& each) { return costs.speed(each[0]); });
  return classes;
}

double counts_of(const std::vector<std::vector<std::size_t>>& classes) {
  double counts = 1;
  for (const auto& each : classes) counts *= static_cast<double>(each.size()) + 1;
  return counts;
}

Counts::Counts(const std::vector<std::vector<std::size_t>>& classes) {
  for (const auto& each : classes) {
    steps_.push_back(size_);
    radix_.push_back(static_cast<int>(each.size()) + 1);
    size_ *= each.size() + 1;
  }
}

int Counts::total(std::size_t code) const {
  int total = 0;
  for (std::size_t each = 0; each < steps_.size(); ++each) total += taken(code, each);
  return total;
}

std::vector<std::size_t> Counts::by_total() const {
  std::vector<std::size_t> codes(size_);
  for (std::size_t code = 0; code < size_; ++code) codes[code] = code;
  std::ranges::stable_sort(codes, {}, [&](std::size_t code) { return total(code); });
  return codes;
}

void explain_no_plan(const PipelineCosts& costs) {
  if (costs.workers().empty())
    throw Error(ErrorKind::kUnsupported,
                "there is no machine besides the source's, " + costs.machine(costs.source()).name);
  for (std::size_t unit = 0; unit < costs.problem().units.size(); ++unit) {
    const Need need = least_need(costs, unit);
    if (need.fits) continue;
    throw Error(ErrorKind::kUnsupported,
                fmt::format("no machine can hold {}: {} would need {} of its {}{}",
                            costs.problem().units[unit].until, costs.machine(need.machine).name,
                            format_bytes(need.footprint),
                            format_bytes(static_cast<double>(costs.machine(need.machine).memory)),
                            need.shards > 1 ? fmt::format(" even in {} shards", need.shards) : ""));
  }
  check_links(costs);
  throw Error(ErrorKind::kUnsupported,
              "no plan fits: together the machines cannot hold the network, or those that could "
              "are not linked");
}

}  // namespace isthmus
