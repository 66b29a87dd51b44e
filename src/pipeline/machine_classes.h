#pragma once

#include <vector>

#include "pipeline/costs.h"

namespace isthmus {

// Machines of the same speed, cores, memory, swap and links to all others (as `costs` sees them):
// which of them takes a stage makes no difference. The fastest class first; the source's machine,
// which has more to do, is a class of its own.
std::vector<std::vector<std::size_t>> alike_machines(const PipelineCosts& costs,
                                                     const std::vector<std::size_t>& machines);

// How many different numbers of machines can be taken from the classes; a double, as it may be
// huge.
double counts_of(const std::vector<std::vector<std::size_t>>& classes);

// How many machines of each class are taken, as one number.
class Counts {
 public:
  explicit Counts(const std::vector<std::vector<std::size_t>>& classes);

  std::size_t size() const { return size_; }
  // Of one machine of the class.
  std::size_t step(std::size_t each) const { return steps_[each]; }
  int taken(std::size_t code, std::size_t each) const {
    return static_cast<int>(code / steps_[each]) % radix_[each];
  }
  int all(std::size_t each) const { return radix_[each] - 1; }
  int total(std::size_t code) const;
  // All codes, those of few machines first.
  std::vector<std::size_t> by_total() const;

 private:
  std::vector<std::size_t> steps_;
  std::vector<int> radix_;
  std::size_t size_ = 1;
};

// Of a plan by classes, hands out the machines in turn.
class Roster {
 public:
  explicit Roster(const std::vector<std::vector<std::size_t>>& classes)
      : classes_(classes), next_(classes.size(), 0) {}
  std::size_t take(std::size_t each) { return classes_[each][next_[each]++]; }

 private:
  const std::vector<std::vector<std::size_t>>& classes_;
  std::vector<std::size_t> next_;
};

}  // namespace isthmus
