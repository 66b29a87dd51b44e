#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/trace.h"
#include "plan/cluster.h"
#include "plan/plan.h"
#include "plan/profile.h"

namespace isthmus {

enum class SimEventKind : std::uint8_t {
  kKill,    // The machine and all that is on it are gone; its connections break.
  kStop,    // It stands still and says nothing (SIGSTOP).
  kCut,     // It goes on, but nothing gets to it or away from it.
  kReturn,  // Killed: it is there again, empty. Stopped: it goes on. Cut: it is reachable again.
};

// Something that happens to a machine. Not to the source's.
struct SimEvent {
  Seconds time{0};
  SimEventKind kind = SimEventKind::kKill;
  std::string machine;
};

// What one frame really cost, where it differs from the profile; by part name and edge name, times
// before any slowdown. What is not there is the profile's.
struct MeasuredFrame {
  std::map<std::string, Seconds> run;
  std::map<std::string, Seconds> encode;
  std::map<std::string, Seconds> decode;
  // Messages with their frame headers (as in EdgeBytes).
  std::map<std::string, std::int64_t> message_bytes;
  // Making the network's input from the image.
  std::optional<Seconds> normalise;
  // Whether the exit is taken, by gate of the plan; drawn by Gate::taken if empty.
  std::vector<bool> exits;
  // For the record.
  std::int64_t label = -1;
  std::int64_t truth = -1;
};

struct SimOptions {
  std::int64_t frames = 100;
  // Captures a second; 0: the next frame is captured when there is room for it.
  double rate = 0;
  // As serve/source.h: a live source drops its oldest waiting frame where an offline one waits.
  bool live = false;
  // Frames admitted and not answered yet.
  int max_in_flight = 4;
  // Frames of a live source that wait for admission.
  int max_waiting = 2;
  // Messages of one edge that may wait on a machine, if it has room for so many (plan/room.h);
  // AgentOptions::queue.
  int queue = 64;
  // Instead of the plans' own.
  std::optional<Seconds> deadline;
  bool local_fallback = true;
  // CPU time of each frame at the source before anything else (resizing), before the slowdown.
  Seconds prepare{0};
  // Frame i costs what measured[i % size] says, under the first plan of the ladder and its local
  // answer. Empty: every frame costs what the profile says.
  std::vector<MeasuredFrame> measured;
  std::vector<SimEvent> events;
  // Spans and bytes of every frame in the trace. Off for long runs.
  bool record_spans = true;
  // Of losses and of exits.
  std::uint64_t seed = 1;
};

// Plays a ladder of plans on a cluster in virtual time by the rules of runtime.md and writes the
// trace that the runtime would write: machines work on `cores` frames at a time, first what goes on
// there, then the oldest; each direction of a link, and each interface on a network,
// carries one message at a time (core/link_profile.h); a message waits on its receiver only with a
// credit; what goes to the source travels back over the machines by which the frame came; the
// source decides by plan/policy.h.
//
// A frame's work on a machine is one piece: decode what came, run, encode and hand over what goes.
// Deterministic. Throws Error{kInvalid} for impossible options and what check_plan, check_cluster
// and costs_of throw.
Trace simulate(const SimOptions& options, const std::vector<Plan>& ladder, const Cluster& cluster,
               const Profile& profile);
Trace simulate(const SimOptions& options, const std::vector<LoadedPlan>& ladder,
               const Cluster& cluster, const Profile& profile);

// Answered frames a second between the first and the last answer, leaving out the first tenth of
// the answers (the pipeline fills); 0 for fewer than three answers.
double throughput(const Trace& trace);

}  // namespace isthmus
