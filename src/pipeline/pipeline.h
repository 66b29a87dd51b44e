#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "plan/cluster.h"

namespace isthmus {

// A network as a chain of units on a cluster of small machines, and where each unit runs (paper 4,
// section 5). Numbers only: which graph is behind a unit is the caller's business.

// What grows with the share of a layer that a machine takes; share in (0, 1].
struct Linear {
  double fixed = 0;
  double scaled = 0;
  double at(double share) const { return fixed + scaled * share; }
};

// What lies between two neighbouring cut points: not cut across machines unless a shard option says
// how. Times are those of a machine of slowdown 1.
struct PipelineUnit {
  // Its last tensor.
  std::string until;
  Seconds time{0};
  std::int64_t weight_bytes = 0;
  std::int64_t peak_bytes = 0;
  // The message behind it, and the CPU time of its codec.
  std::int64_t out_bytes = 0;
  Seconds encode{0};
  Seconds decode{0};
  // Why machines cannot work on it together, where they could not in any way that was tried.
  std::string kept_whole;
};

// Units [first, last] on which several machines can work together. All Linear fields are those of
// one shard, by its share. The codecs of its messages cost as much per byte as those of the unit's.
struct ShardOption {
  std::size_t first = 0;
  std::size_t last = 0;
  // "channel", "spatial", "input".
  std::string kind;
  int most = 0;
  Linear time;
  Linear weight_bytes;
  Linear peak_bytes;
  Linear in_bytes;
  Linear out_bytes;
  // Glue, wherever it runs.
  Seconds scatter{0};
  Seconds merge{0};
};

struct PipelineProblem {
  std::vector<PipelineUnit> units;
  // The source's message to the first stage.
  std::int64_t in_bytes = 0;
  Seconds in_encode{0};
  Seconds in_decode{0};
  std::vector<ShardOption> shards;
  // Whether the source's machine may run the first stage or the last, too.
  bool source_may_run = false;
  // Whether a stage may be replicated. Frames that come one by one gain nothing by it.
  bool replicas = true;
  // Whether a machine may serve several stages.
  bool several_stages = true;
};

enum class StageMode : std::uint8_t {
  kSingle,    // One machine.
  kReplicas,  // Each frame goes to one of several.
  kShards,    // All work on each frame.
};

// Units [first, last] somewhere. A tensor between two stages is where its producer ran; behind
// shards it is merged by the next stage's first machine (by the replica that takes the frame; by
// the source behind the last stage). Scattering is done where the tensor is.
struct PipelineStage {
  std::size_t first = 0;
  std::size_t last = 0;
  StageMode mode = StageMode::kSingle;
  // Index in PipelineProblem::shards; with kShards only.
  std::size_t option = 0;
  std::vector<std::string> machines;
  // Of the frames or of the layer, adding up to 1.
  std::vector<double> shares;
  // How long its busiest machine, or that one's network interface, is busy for each frame; and
  // which it is: "pi3 computes", "pi3 sends conv2_1" (a unit's last tensor), "pi3 receives the
  // input".
  Seconds period{0};
  std::string bound;
};

struct PipelinePlan {
  std::vector<PipelineStage> stages;
  // Between two answers when frames wait at the source; of a frame that meets nobody.
  Seconds period{0};
  Seconds latency{0};
  // What bounds it as a whole, the source included, in the words of PipelineStage::bound.
  std::string bound;
  // Why it is this one, where something changed it (pipeline/procedure.h).
  std::vector<std::string> why;
};

// Whether any machine has several stages.
bool serves_twice(const PipelinePlan& plan);

enum class PipelineObjective : std::uint8_t { kThroughput, kLatency };

// Of so few, each in several stages may do more than a stage each, above all where they hold the
// network only together. More are not tried so: it takes long, and they are seldom short of memory.
inline constexpr std::size_t kFewMachines = 16;

// Fills the plan's numbers. For each frame a machine computes (codecs and glue included; `cores`
// frames at a time), sends the sum of its messages and receives the sum of those to it, all at the
// same time; the busiest of these, over all machines, is the period. A recorded link counts with
// its mean rate, a lossy one with what is sent again. A machine takes weights, for each core the
// activations of its largest stage, the runtime, and room for frames that wait (plan/room.h). One
// that swaps pays for each inference what the first three exceed its memory by, over
// swap_bandwidth. Glue takes none.
//
// Throws Error{kUnsupported} naming the machine and the layer that it cannot hold, or two machines
// that must talk and have no link.
PipelinePlan evaluated(const PipelineProblem& problem, const Cluster& cluster, PipelinePlan plan);

// The best plan of single stages, each on a machine of its own: exact dynamic programming over
// classes of machines that are alike, so that 12 equal boards are 13 states and 12 different ones
// 4096. Of equal periods the one with the fewest machines. Throws Error{kUnsupported} as
// `plan_pipeline` does.
PipelinePlan plan_contiguous(const PipelineProblem& problem, const Cluster& cluster,
                             PipelineObjective objective);

// The best plan found of single stages, replicas and shards (pipeline/search.cpp,
// pipeline/latency_search.cpp). A machine may serve several stages: for the latency that is
// searched for; for the throughput, of at most kFewMachines, plans found otherwise are improved by
// it (pipeline/polish.h), the plan for the latency is taken where nothing else fits, and of a
// problem so small that it has few plans all are looked at (pipeline/enumeration.h).
//
// Throws Error{kUnsupported} if there is none: it names a layer that no machine can hold, not even
// in shards, with what it would need, two machines without a link if links are all that is missing,
// or what the network needs of the memory that there is. Error{kInvalid} for a problem whose
// options do not fit its units.
PipelinePlan plan_pipeline(const PipelineProblem& problem, const Cluster& cluster,
                           PipelineObjective objective);

// The whole on the one machine that is best at it (source_may_run or not); nothing if none holds
// it.
std::optional<PipelinePlan> best_single_machine(const PipelineProblem& problem,
                                                const Cluster& cluster,
                                                PipelineObjective objective);

}  // namespace isthmus
