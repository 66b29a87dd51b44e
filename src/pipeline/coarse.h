#pragma once

#include <vector>

#include "pipeline/costs.h"

namespace isthmus {

// A problem with fewer units, for searches whose time grows with their square.
struct CoarsePipeline {
  PipelineProblem problem;
  // The original units of each: its first; and one past the last at the end.
  std::vector<std::size_t> begin;
  // The original index of each option that is left.
  std::vector<std::size_t> options;
};

// Merges neighbours that take the least time together, as long as there are more than `most`; what
// an option covers stays a whole number of units if it is `kept`, else the option goes when one of
// its ends does.
CoarsePipeline coarsened(const PipelineProblem& problem, std::size_t most,
                         const std::vector<bool>& kept);

// At most `most` classes, the source's alone: neighbours in speed become one.
std::vector<std::vector<std::size_t>> fewer_classes(const PipelineCosts& costs,
                                                    std::vector<std::vector<std::size_t>> classes,
                                                    std::size_t most);

// The first machine of each class with the mean speed and the least memory of its class.
Cluster with_typical_machines(const Cluster& cluster,
                              const std::vector<std::vector<std::size_t>>& classes);

// The same machines; what is sent arrives at once.
Cluster with_free_links(Cluster cluster);

}  // namespace isthmus
