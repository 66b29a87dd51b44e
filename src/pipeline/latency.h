#pragma once

#include <span>
#include <vector>

#include "pipeline/costs.h"

namespace isthmus {

// How one frame's latency adds up (pipeline/pipeline.h). Seats of one machine each.

// When each shard has its decoded input, if the machine has the tensor at `now`: it scatters,
// encodes all messages, and sends one after the other.
std::vector<double> scattered(const PipelineCosts& costs, const Seat& holder,
                              const SeatedStage& shards, double now);

// When the tensor is merged on a machine, if the shards have computed at `ready`: the messages come
// in one after the other.
double merged(const PipelineCosts& costs, const SeatedStage& shards, std::span<const double> ready,
              const Seat& holder);

// From a machine to another: codec, time on air, delay. 0 if they are one.
double handed_over(const PipelineCosts& costs, const PipelineCosts::Message& message,
                   const Seat& from, const Seat& to);

// From the source and back, alone on the way; over replicas, the mean. `swapping` is what each seat
// pays beside its run time.
double frame_latency(const PipelineCosts& costs, std::span<const SeatedStage> stages,
                     std::span<const std::vector<double>> swapping);

}  // namespace isthmus
