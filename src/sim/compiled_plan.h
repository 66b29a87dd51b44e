#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/name.h"
#include "plan/costs.h"
#include "plan/link_index.h"
#include "plan/plan.h"
#include "sim/simulate.h"

namespace isthmus {

// A plan in numbers instead of names, for the simulator. Machines are indices into the cluster's
// list; an ordinal is an index into a part's own list of machines, a site one into the plan's.
struct CompiledEdge {
  // -1: the source, or the sink.
  std::int32_t from_part = -1;
  std::int32_t to_part = -1;
  bool required = true;
  double wait = 0;
  // The exit of a gate.
  bool is_exit = false;
  bool normalise_at_receiver = false;
  // plan/room.h
  int room = 0;
  // Where its arrival is noted: a slot for each racing machine of the receiver, else one.
  std::uint32_t first_slot = 0;
  Name name;
};

struct CompiledPart {
  Name name;
  Placement placement = Placement::kSingle;
  std::vector<std::uint32_t> machines;
  // By ordinal: where the machine stands in the plan's list.
  std::vector<std::uint32_t> sites;
  std::vector<std::uint32_t> in_edges;
  std::vector<std::uint32_t> out_edges;
  // Indices of the plan's gates here.
  std::vector<std::uint32_t> gates;
  // Where it counts what it still waits for: as for slots.
  std::uint32_t first_counter = 0;
  std::int32_t required_inputs = 0;
  std::int32_t optional_inputs = 0;
  // By ordinal: seconds that swapping adds to a run.
  std::vector<double> swap;

  // A route names which of its machines a frame takes.
  bool is_chosen() const {
    return placement == Placement::kSpread || placement == Placement::kStandby;
  }
  std::uint32_t counters() const {
    return placement == Placement::kRace ? static_cast<std::uint32_t>(machines.size()) : 1;
  }
};

struct CompiledGate {
  std::uint32_t exit_edge = 0;
  double taken = 0;
};

// Of one frame, in seconds before the slowdown; by index of part or edge.
struct CompiledCosts {
  std::vector<double> run;
  std::vector<double> encode;
  std::vector<double> decode;
  std::vector<double> normalise;
  std::vector<std::int64_t> message_bytes;
  // By gate; empty: drawn.
  std::vector<bool> exits;
};

struct CompiledPlan {
  std::string name;
  double deadline = 0;
  std::uint32_t sink = 0;
  std::vector<CompiledPart> parts;
  std::vector<CompiledEdge> edges;
  std::vector<CompiledGate> gates;
  std::vector<std::uint32_t> input_edges;
  // plan/policy.h
  std::vector<std::uint32_t> admission_edges;
  // The machines of the plan, each once, the source's first.
  std::vector<std::uint32_t> machines;
  // By site. Sites share a stand where no route takes two of them.
  std::vector<std::uint32_t> stand_of;
  std::uint32_t stands = 0;
  std::uint32_t slots = 0;
  std::uint32_t counters = 0;
  // Answers that a frame needs where no exit is taken.
  std::int32_t answers = 0;
  // Largest message of any edge.
  std::int64_t largest_message = 0;
  bool only_at_source = false;
  // Used in turn by frame number.
  std::vector<CompiledCosts> costs;

  const CompiledCosts& costs_of(std::uint32_t frame) const { return costs[frame % costs.size()]; }
};

// `index` is the cluster's. Throws what check_plan and costs_of throw.
CompiledPlan compile(const Plan& plan, const Cluster& cluster, const LinkIndex& index,
                     const Profile& profile, const std::vector<MeasuredFrame>& measured);

}  // namespace isthmus
