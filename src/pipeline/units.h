#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "pipeline/pipeline.h"
#include "plan/profile.h"
#include "split/shard.h"

namespace isthmus {

// Last tensors of the pieces that a pipeline may be cut between, the network's output last: at cut
// points, each piece with work of its own (convolutions, matrix products) and the light layers
// behind it (paper 4, section 3: grouped with "the layer that produces their input"). Throws
// Error{kUnsupported} for a network without a single input and output.
std::vector<std::string> pipeline_units(const Graph& graph);

// Unit `index` alone, as a part.
Graph unit_graph(const Graph& graph, const std::vector<std::string>& units, std::size_t index);

// What was measured of one unit on this machine.
struct MeasuredUnit {
  PartProfile part;
  // Of the tensor behind it.
  CodecProfile codec;
};

struct UnitOptions {
  // Machines that may share a layer.
  int machines = 2;
  // Units that take less than this part of the whole are not sharded.
  double least_share = 0.02;
  // Neighbouring units that one set of regions may run through without a merge. The first may be
  // one that is not sharded by itself: what it makes need not be sent.
  int fuse = 8;
  // On the wire.
  std::string codec = "f32";
  // Message to the first stage; and from the source where it divides the input for shards, in the
  // codec above.
  std::int64_t input_bytes = 0;
  // CPU time of its codec; in `decode`, with what makes the network's input from an image.
  CodecProfile input;
  // How long a multiply-add takes against an element written, by operator kind of `work_of`
  // (plan/devices.h): how a unit's time is shared out among its nodes.
  std::map<std::string, double> seconds_per_work = {
      {"Conv", 2e-11}, {"DepthwiseConv", 2e-10}, {"MatMul", 2e-10}, {"Elements", 4e-10}};
};

// Units with what was measured of them, and every way to shard the heavy ones: by channel, by
// region, alone or through up to `fuse` neighbours, and by sums, alone or fed by the layer before.
// A shard's time is its unit's, by its share of the work.
PipelineProblem pipeline_problem(const Graph& graph, const std::vector<std::string>& units,
                                 std::span<const MeasuredUnit> measured,
                                 const UnitOptions& options);

// The stages of a plan, as split/shard cuts the network.
std::vector<StageSpec> stage_specs(const PipelineProblem& problem, const PipelinePlan& plan);

// Bytes of one element on the wire. Throws Error{kUnsupported} for a codec that is none of f32, f16
// and u8: others need calibration for every edge.
int wire_bytes(const std::string& codec);

}  // namespace isthmus
