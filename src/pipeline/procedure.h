#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pipeline/pipeline.h"

namespace isthmus {

// Procedure 1 of paper 4 (section 5), for comparison with plan_pipeline.
//
// Step 1: a layer whose footprint is over the memory of every machine is sharded, as few times as
// fit (also where the machine could swap). Step 2: in the order of the layers, groups of equal
// latency: the lowest target for which the machines suffice, fastest first, when each takes layers
// up to the target, and a layer that takes longer alone is shared by shards or, without an option,
// by replicas. What is sent does not count, as in the paper. Step 3 is `rebalance`.
//
// Throws as plan_pipeline does.
PipelinePlan procedure_1(const PipelineProblem& problem, const Cluster& cluster);

// The paper's baseline (section 6): contiguous stages cut at random on machines in random order,
// every machine used where there are enough units, layers that do not fit sharded as in step 1.
// Equal seeds, equal plans. Throws as plan_pipeline does.
PipelinePlan random_assignment(const PipelineProblem& problem, const Cluster& cluster,
                               std::uint64_t seed);

// Whom a stage on a single machine blames for what it takes longer (or shorter) than predicted: its
// layers (a wrong profile or regression) or its machine (another program runs there). In a stage
// of several machines what they have in common goes to the layers, the rest to each machine.
enum class Blame : std::uint8_t { kLayers, kMachines };

// The problem and the cluster as they were measured.
struct MeasuredPipeline {
  PipelineProblem problem;
  Cluster cluster;
};

// `measured`: by stage and machine, how long one run took there; 0 for what was not seen. Throws
// Error{kInvalid} if the numbers do not fit the plan.
MeasuredPipeline measured_pipeline(const PipelineProblem& problem, const Cluster& cluster,
                                   const PipelinePlan& plan,
                                   std::span<const std::vector<Seconds>> measured, Blame blame);

// Step 3: plans again with what was measured in place of what was predicted. Machines that are
// alike keep the stages that they have most of, so that few weights travel. A plan that gains less
// than `least_gain` of the period (or latency) is not worth the change: then it is the old one,
// with its numbers as measured. `why` says which.
PipelinePlan rebalance(const PipelineProblem& problem, const Cluster& cluster,
                       const PipelinePlan& plan, std::span<const std::vector<Seconds>> measured,
                       PipelineObjective objective, Blame blame = Blame::kLayers,
                       double least_gain = 0.05);

}  // namespace isthmus
