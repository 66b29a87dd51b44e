#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/codec.h"
#include "codec/normalise.h"
#include "core/clock.h"
#include "engine/engine.h"
#include "plan/cluster.h"
#include "plan/plan.h"
#include "plan/working_set.h"
#include "serve/least_run.h"
#include "serve/part_meter.h"

namespace isthmus {

// Which plan of which source.
struct DeploymentId {
  std::uint16_t source = 0;
  std::uint16_t epoch = 0;

  friend auto operator<=>(const DeploymentId&, const DeploymentId&) = default;
};

struct EdgeTensor {
  DType dtype = DType::kUndefined;
  // Batch 1, every extent known.
  Shape shape;
};

// A part that a machine holds, shared by all deployments that run it (equal bundles).
struct HeldPart {
  std::string name;
  std::string hash;
  std::unique_ptr<Engine> engine;
  PartMemory memory;
  // Frames that one run may take; 1 until a second source feeds the part and its batch proves to be
  // free.
  std::atomic<int> max_batch = 1;
  // What a run took lately (a running mean); unknown until the first.
  std::atomic<double> recent_run_s = 1;
  LeastRun least_run;
};

inline constexpr std::uint16_t kNoIndex = 0xffff;

// Least CPU times of an edge's codec, where they are known and the content does not matter.
struct CodecCost {
  std::optional<Seconds> encode;
  std::optional<Seconds> decode;
};

struct DeployedEdge {
  Edge edge;
  std::string name;
  // Index of the part; kNoIndex for the source's input and for an answer.
  std::uint16_t from = kNoIndex;
  std::uint16_t to = kNoIndex;
  // Place among the engine's outputs of `from` / inputs of `to`; known where this machine holds the
  // part.
  std::size_t output = 0;
  std::size_t input = 0;
  std::shared_ptr<const Codec> codec;
  // Filled in by an emulated machine before the deployment is used.
  std::shared_ptr<CodecCost> cost = std::make_shared<CodecCost>();
  // What the edge carries (for an image edge the u8 image).
  EdgeTensor tensor;
  // Carries an image that its receiver normalises.
  bool image = false;
  bool required = true;
  Seconds wait{0};
  // Messages that its receiver has room for (plan/room.h).
  int room = 0;
};

struct DeployedGate {
  std::size_t confidence = 0;
  double threshold = 0;
  // Index of the answer edge that is taken.
  std::uint16_t exit_edge = kNoIndex;
};

struct DeployedPart {
  std::string name;
  Placement placement = Placement::kSingle;
  // Indices of machines.
  std::vector<std::uint8_t> machines;
  // Edge indices; `in` by the engine's inputs where this machine holds the part.
  std::vector<std::uint16_t> in;
  std::vector<std::uint16_t> out;
  // Place of its choice in a frame's route, if it has several machines.
  std::optional<std::size_t> route_entry;
  // Only where this machine runs the part.
  std::shared_ptr<HeldPart> held;
  std::shared_ptr<PartMeter> meter;
  // What swapping adds to each run, where this machine is emulated as one that swaps.
  Seconds swap{0};
  std::vector<DeployedGate> gates;
};

// A plan as one machine sees it, with names resolved to indices and codecs made. Immutable; shared
// between threads.
struct Deployment {
  DeploymentId id;
  Plan plan;
  // All machines of the cluster, in an order that all of them know; `self` and `source` are indices
  // in it.
  std::vector<std::string> machines;
  std::uint8_t self = 0;
  std::uint8_t source = 0;
  std::vector<DeployedPart> parts;
  std::vector<DeployedEdge> edges;
  // Edges from the source's input.
  std::vector<std::uint16_t> inputs;
  Normalization normalization;

  // The machines that run `part` for a frame with this route (one, or all of a race). Throws
  // Error{kInvalid} for a route that does not fit.
  std::vector<std::uint8_t> machines_for(std::uint16_t part,
                                         const std::vector<std::uint16_t>& route) const;
  // The largest message that may travel on an edge between different machines, header included.
  std::int64_t largest_message() const;
};

struct DeploymentSpec {
  DeploymentId id;
  Plan plan;
  std::vector<std::string> machines;
  std::string self;
  std::string source;
  // In the order of the plan's edges.
  std::vector<EdgeTensor> edges;
  // Frequency tables by hash.
  std::function<Payload(const std::string& hash)> table;
  // The parts that this machine runs, by name.
  std::map<std::string, std::shared_ptr<HeldPart>> held;
  // What this machine is emulated as.
  Machine as;
};

// Throws Error{kInvalid} naming the part, edge or tensor that does not fit the others.
std::shared_ptr<const Deployment> make_deployment(DeploymentSpec spec);

// Type and shape of what every edge carries, from the parts' own shapes for the plan's input; a
// part whose model does not tell them is run once on zeros.
std::vector<EdgeTensor> edge_tensors(const LoadedPlan& plan);

// Whether the edge carries the source's image rather than the network's input tensor.
bool carries_image(const PlanEdge& edge, const PlanInput& input);

}  // namespace isthmus
