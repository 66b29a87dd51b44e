#include "pipeline/machine_classes.h"

#include <algorithm>

namespace isthmus {

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

}  // namespace isthmus
