#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace isthmus {

// Room for frames that wait at a machine (docs/runtime.md, "Room"). Shared by runtime, simulator
// and planner, so that what an agent keeps is what its memory was planned for.

// A part has room for frames of so many bytes together, but for no fewer frames than keep a
// pipeline full: one is worked on, one waits, one is on the link. Several machines that send to one
// part share its room.
inline constexpr std::int64_t kRoomBytes = std::int64_t{8} << 20;
inline constexpr int kLeastRoom = 3;
inline constexpr int kMostRoom = 64;

// For how many frames from each of `senders` machines a part has room where each takes `bytes` as
// it waits.
int frames_of_room(double bytes, int senders = 1);

// Whether both ends of an edge are one machine, whatever the route: parts that are spread over the
// same machines take the same of them (plan/policy.h).
bool stays_on_machine(const Plan& plan, const PlanEdge& edge, const std::string& source);
// The same for who knows the edge's parts; null stands for the source that sends the input, and for
// the machine that the answer goes to.
bool stays_on_machine(const Plan& plan, const PlacedPart* from, const PlacedPart* to,
                      const std::string& source);

// By machine.
using WaitingBytes = std::map<std::string, double>;

struct PlanRooms {
  // By edge: how many messages of it a machine takes from each that sends it some, before one of
  // their frames has left it. kMostRoom for edges that stay, and for answers.
  std::vector<int> frames;
  // The most that waits on each machine: frames that are to be worked on or handed on, and
  // messages that are on the link. Of its parts the one with the most counts, and of replicas that
  // it sends to one, for frames queue up before one of them. A machine that has more stages may
  // take more (plan/waiting.h). Not counted is what stays on the machine, and what a source has not
  // sent yet.
  WaitingBytes waiting_bytes;
};

// `message_bytes` by edge of the plan, with 0 where it stays on its machine.
PlanRooms plan_rooms(const Plan& plan, std::span<const double> message_bytes);

}  // namespace isthmus
