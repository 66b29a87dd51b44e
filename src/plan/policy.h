#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "plan/plan.h"

namespace isthmus {

// What the source knows of the other machines when it must decide. Shared by runtime and simulator.
struct Situation {
  // Machines that are believed dead, or came back less than a second ago.
  std::set<std::string> dead;
  // For the choice between replicas, by the list of machines that parts are spread over: machine ->
  // how long a frame that takes it now would need for those parts. That is what they took there of
  // the last frames (their runs alone), times the frames on their way that have taken it from this
  // list, plus one (expected_load). A machine that has answered nothing yet is taken to be as fast
  // as the first of its list that did; before that all count as idle, and so does what is not here.
  // What a machine does beside says nothing: where lists overlap, frames would all go to the one
  // that has least of everything, and then to another.
  std::map<std::vector<std::string>, std::unordered_map<std::string, Seconds>> load;
};

// Parts that are spread over the same machines in the same order, of which a frame takes one for
// them all: indices in Plan::parts, a group for each list of machines.
using ReplicaGroups = std::vector<std::vector<std::size_t>>;
ReplicaGroups replica_groups(const Plan& plan);

// Of how many frames a replica's times are remembered.
inline constexpr std::size_t kRememberedTimes = 8;

// (in flight + 1) times the mean of the last `times`.
Seconds expected_load(std::span<const Seconds> times, int in_flight);

// Where a frame goes.
struct Route {
  // Index in the ladder; the size of the ladder stands for the local answer (all_on the source of
  // the first plan).
  std::size_t plan = 0;
  // By part that is spread or standby: the machine chosen. A race goes to all that live.
  std::map<std::string, std::string> machine_of;
  // Why it is not the first plan of the ladder; "" if it is.
  std::string reason;

  friend bool operator==(const Route&, const Route&) = default;
};

// The first plan of the ladder whose machines live (a part with several needs one that lives;
// `spread` takes the least loaded, the same for all parts that are spread over the same machines;
// `standby` the first), else the local answer. Frame numbers break ties in turn.
Route admit_route(const std::vector<Plan>& ladder, const Situation& situation, std::uint32_t frame);

// What of admit_route stays as it is while no machine dies or comes back: the plan, the reason, and
// the machines of `standby` parts. For a caller that chooses those of `spread` parts itself,
// because it keeps the loads (plan/least_loaded.h).
Route first_living_plan(const std::vector<Plan>& ladder, const std::set<std::string>& dead);

// The machines without which a route fails, each once: those of its parts and its sink. Racing
// machines are not among them, and none is for the local answer.
std::set<std::string> machines_of(const std::vector<Plan>& ladder, const Route& route);

// The edges by which the machine `source` sends a frame on before another has seen it: those of the
// network's input, and of parts that run there alone with inputs from nowhere else. A frame is
// admitted when their receivers have room for it. A race asks nobody. In the plan's order.
std::vector<std::uint32_t> admission_edges(const Plan& plan, const std::string& source);

// After an attempt of a frame failed (its machine died, or refused) with `budget_left`: another
// route - other replicas of the same plan, then further down the ladder - if one fits the time that
// the local answer does not need (by its plan's prediction, if it has one), else the local answer.
// The answer is late rather than lost: never "nothing".
Route retry_route(const std::vector<Plan>& ladder, const Situation& situation, std::uint32_t frame,
                  const Route& failed, Seconds budget_left, Seconds local_time);

// How long after its capture a frame that still waits for a remote answer must be answered locally
// so that it keeps its deadline: budget minus what the local answer takes, with a tenth of that and
// 5 ms to spare; at least 0.
Seconds local_answer_time(Seconds deadline, Seconds local_time);

// Heartbeats, on a connection of their own (runtime.md).
inline constexpr Seconds kHeartbeatInterval{0.1};
// A machine that came back is used again after it has answered for so long.
inline constexpr Seconds kRecoveryTime{1};

// Dead after max(300 ms, three times the time of the largest message on that link) without a
// heartbeat. Of a recorded link the mean rate counts.
Seconds death_timeout(const LinkProfile& link, std::int64_t largest_message);

}  // namespace isthmus
