#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/profile.h"
#include "plan/room.h"
#include "plan/working_set.h"

namespace isthmus {

// What an edge costs when it leaves a machine; times as measured, before any slowdown.
struct EdgeCost {
  Seconds encode{0};
  Seconds decode{0};
  // Message with its frame header; as measured and thus no whole number.
  double message_bytes = 0;
  // Making the network's input from the image; input edges only.
  Seconds normalise{0};
  // An image is normalised where it arrives; otherwise the source does it.
  bool normalise_at_receiver = false;
};

// A plan's measured costs, by index of part and edge; predictor and simulator start from these.
struct PlanCosts {
  std::vector<PartProfile> parts;
  std::vector<EdgeCost> edges;
};

// Throws Error{kInvalid} naming the part or edge that the profile lacks ("run: isthmus profile
// ..."). Not needed are codecs of edges that stay on one machine, and of raw or f32 input images
// and top:K answers, whose size is known.
PlanCosts costs_of(const Plan& plan, const std::string& source, const Profile& profile);

// Room for frames that wait, by the sizes of the plan's messages (plan/room.h).
PlanRooms plan_rooms(const Plan& plan, const PlanCosts& costs);

// Of the parts that the plan has on the machine.
std::int64_t working_set(const Plan& plan, const PlanCosts& costs, const Machine& machine);

// The most that it takes: that, and the room for frames that wait. `seen`: what is known to wait
// there at once (plan/waiting.h), where that is more.
std::int64_t memory_footprint(const Plan& plan, const PlanCosts& costs, const Machine& machine,
                              const WaitingBytes& seen = {});

// Why a machine of the plan cannot hold its parts ("pi: 1.2 GB of 1.0 GB"); nothing if all can, if
// need be by swapping.
std::optional<std::string> memory_problem(const Plan& plan, const PlanCosts& costs,
                                          const Cluster& cluster, const WaitingBytes& seen = {});

// What one run of a part takes on a machine that has it: its measured time as often as the machine
// is slower, and what swapping adds (swap_times).
Seconds run_time(const Plan& plan, const PlanCosts& costs, std::size_t part,
                 const Machine& machine);

// All parts one after the other on one machine, normalising and swapping included: the local
// answer.
Seconds local_time(const PlanCosts& costs, const Machine& machine);

}  // namespace isthmus
