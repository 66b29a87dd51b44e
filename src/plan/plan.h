#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/json_fwd.h"
#include "plan/cluster.h"
#include "split/partition.h"

namespace isthmus {

// How a part is placed on its machines.
enum class Placement : std::uint8_t {
  kSingle,   // One machine.
  kSpread,   // Frames go to one of several, chosen by the source.
  kStandby,  // The first that lives.
  kRace,     // All; the first answer counts.
};

struct PlacedPart {
  std::string name;
  // ONNX file, relative to the plan file; and the SHA-256 of its bytes.
  std::string file;
  std::string sha256;
  Placement placement = Placement::kSingle;
  std::vector<std::string> machines;

  friend bool operator==(const PlacedPart&, const PlacedPart&) = default;
};

// What the codec of an edge needs beside its name.
struct PlanCodec {
  // As in codec/codec.h: "f32", "u8", "u8+rans", "jpeg:75", ...
  std::string name = "f32";
  // Calibrated range of a u8 codec; without it each message carries its own.
  std::optional<std::array<float, 2>> range;
  // Frequency tables: a file beside the plan, and its hash. Empty if there are none.
  std::string table;
  std::string table_sha256;
};

// A tensor is coded where the edge leaves a machine; within one it is handed over as it is.
struct PlanEdge {
  // An empty from_part is the source's input, an empty to_part an answer.
  Edge edge;
  PlanCodec codec;
  // An optional input is replaced by zeros when it is not there `wait` after the first input of its
  // part.
  bool required = true;
  Seconds wait{0};
};

// An early exit: evaluated where `part` ran. If the value of `confidence` (a scalar output of the
// part) is at least `threshold`, the answer is `exit` (an output of the same part) and nothing
// leaves the machine for that frame.
struct Gate {
  std::string part;
  std::string confidence;
  double threshold = 0;
  std::string exit;
  // Fraction of the frames that come to it and take it, where it was measured; for predictions.
  double taken = 0;
};

// How an image becomes the network's input.
struct PlanInput {
  // Pixels; the source resizes and crops to this. 0 for an input that is no image.
  int width = 0;
  int height = 0;
  // (x * scale - mean) / std per RGB channel.
  float scale = 1.0F / 255;
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};
  // Name and shape of the network's own input tensor, batch 1.
  std::string tensor;
  Shape shape;
};

struct Prediction {
  Seconds total{0};
  // Where the time goes on the longest path, adding up to `total`: "prepare", "encode", "network",
  // "decode", and each part by its name ("head", "tail").
  std::map<std::string, double> parts_ms;
  // Messages with their frame headers, without the headers of the links.
  std::int64_t bytes_per_frame = 0;
  // At the source's machine (plan/energy.h).
  double energy_mj = 0;
  // Parts were measured with weights that come from memory (ProfileTimes::kFromMemory): machines
  // that are emulated take them from there, too.
  bool weights_from_memory = false;
};

// A partition placed on a cluster. A plain value.
//
// An edge from the source's input whose codec is an image codec (raw, jpeg, webp) carries the u8
// HWC image; the machine that receives it normalises. With f32, f16, u8, u8+rans it carries the
// normalised tensor.
struct Plan {
  // "local", "jpeg:75", "cut:features.3/u8+rans", ...
  std::string name;
  std::string network;
  bool lossless = true;
  std::vector<PlacedPart> parts;
  std::vector<PlanEdge> edges;
  std::vector<Gate> gates;
  // Where answers go: a machine; empty for the source.
  std::string sink;
  PlanInput input;
  // Class names, in order of the scores; may be empty.
  std::vector<std::string> labels;
  // From capture to answer.
  Seconds deadline{10};
  std::optional<Prediction> predicted;

  const PlacedPart* find(std::string_view part) const;
  // Edges with an empty to_part, in order of preference.
  std::vector<const PlanEdge*> answers() const;
};

// A plan with the bytes that it names, in memory and checked by hash. Immutable, shared between
// threads.
struct LoadedPlan {
  Plan plan;
  // By part name: serialised ONNX.
  std::map<std::string, std::shared_ptr<const std::string>> parts;
  // By hash: frequency tables.
  std::map<std::string, std::shared_ptr<const std::string>> tables;
};

// Schema isthmus.plan/1 (docs/formats/plan.md). Reading checks what check_plan(plan) does.
Json to_json(const Plan& plan);
Plan plan_from_json(const Json& document, const std::string& where);

// A plan file, or a ladder file ({schema: isthmus.ladder/1, plans: [FILE, ...]}): plans in order of
// preference, at least one. Throws Error{kInvalid} for a part whose hash differs, kNotFound for a
// missing file.
std::vector<LoadedPlan> read_ladder(const std::filesystem::path& file);
// The plan files that a ladder file names.
std::vector<std::string> ladder_from_json(const Json& document, const std::string& where);
// Writes FILE and, beside it in FILE's stem ("plan.parts/"), parts and tables named by hash. A
// ladder's plans are files of their own beside it ("ladder.1-local.yaml").
void save_plan(const LoadedPlan& plan, const std::filesystem::path& file);
void save_ladder(const std::vector<LoadedPlan>& ladder, const std::filesystem::path& file);

// Part and edge names fit, no cycle, known codecs, each part's inputs fed once, gates on outputs
// that are there. Throws Error{kInvalid} naming the part or edge (with the nearest known name).
void check_plan(const Plan& plan);
// And every part's machines are in the cluster, linked where an edge crosses.
void check_plan(const Plan& plan, const Cluster& cluster);

// Machines at the ends of an edge: those of its part; the source's machine, or the sink's, for the
// ends of the plan.
std::vector<std::string> machines_from(const Plan& plan, const PlanEdge& edge,
                                       const std::string& source);
std::vector<std::string> machines_to(const Plan& plan, const PlanEdge& edge,
                                     const std::string& source);

// Whether an input edge with this codec carries the image rather than the normalised tensor: raw,
// jpeg:Q, webp:Q.
bool is_image_codec(std::string_view name);

// Part indices so that every part comes after those that feed it. Throws Error{kInvalid} for a
// cycle.
std::vector<std::size_t> execution_order(const Plan& plan);

// The same parts, all on one machine, edges uncoded and required, gates kept: the answer of last
// resort at the source, and the composition that `eval` runs. Its name is "PLAN@MACHINE".
Plan all_on(const Plan& plan, const std::string& machine);

// Makes a LoadedPlan from a partition: `machine_of` gives the machine of each part, `codec_of_edge`
// the codec of the edges that are not f32. Throws Error{kInvalid} for a part without a machine, or
// a codec for an edge that is not there.
LoadedPlan place(const Partition& partition, const std::map<std::string, std::string>& machine_of,
                 const std::map<std::string, PlanCodec>& codec_of_edge, PlanInput input);
// The key of `codec_of_edge`, and an edge's name in plan files, traces and messages:
// "head:x->tail:x", with "input" and "answer" for the ends: "input:image->head:image",
// "tail:logits->answer:logits".
std::string edge_name(const Edge& edge);
// The inverse, for tensor names without "->". Throws Error{kInvalid}.
Edge edge_from_name(const std::string& name);

}  // namespace isthmus
