#pragma once

#include <optional>

#include "pipeline/pipeline.h"

namespace isthmus {

// The searches behind plan_pipeline and plan_contiguous; nothing if no plan is possible.

// Exact (pipeline/pipeline.h) up to the tolerance, relative.
std::optional<PipelinePlan> contiguous_for_throughput(const PipelineProblem& problem,
                                                      const Cluster& cluster,
                                                      double tolerance = 1e-9);

// Single stages, replicas and shards, no machine in two stages until the result is improved.
//
// For a bound T on the period, it keeps for every boundary and every set of machines taken (by
// class) the ways to get there within T, and halves the interval of T. Many classes, machines or
// units are made fewer first, and the result is improved by moving boundaries and swapping machines
// under the full model.
std::optional<PipelinePlan> search_throughput(const PipelineProblem& problem,
                                              const Cluster& cluster);

struct LatencySearch {
  bool shards = true;
  // Whether a machine may run several stages.
  bool reuse = true;
};

// Shortest path of one frame over (boundary, machine that has the tensor), by A* with the machines'
// memory in the state; the bound is the same path with unlimited memory. Exact (of the teams of
// pipeline/latency_graph.h) unless the memory is so tight that too many states are looked at; then
// the best of a beam, or where none of it arrives, with shards, the pipeline with the highest
// throughput.
std::optional<PipelinePlan> search_latency(const PipelineProblem& problem, const Cluster& cluster,
                                           LatencySearch options);

}  // namespace isthmus
