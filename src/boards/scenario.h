#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "boards/spread_study.h"
#include "core/json_fwd.h"
#include "core/link_profile.h"
#include "lab/scenario.h"
#include "plan/cluster.h"

namespace isthmus {

// Networks over many small boards on one network: the experiments of paper 4, section 6.
struct BoardScenario {
  std::string name;
  // SHA-256 of what the file says.
  std::string digest;
  // Each board, and the machine that sends and receives (the paper's "initial sender and final
  // receiver"). Memory 0: no limit.
  Machine board;
  Machine source;
  // Every second board is so many times slower.
  double unequal = 1;
  LinkProfile network;
  std::vector<int> counts;
  // Models, as `isthmus plan` takes them.
  std::vector<std::string> models;
  std::vector<std::string> codecs = {"f32"};
  PipelineObjective objective = PipelineObjective::kThroughput;
  // See `board_method_names`.
  std::vector<std::string> methods;
  // Assignments of the method random.
  int random_seeds = 20;
  // Runs of each part when it is measured.
  int runs = 3;
  // Frames of each plan in virtual time.
  std::int64_t frames = 2000;
  // Frames that are played for real, on processes of this machine, of the methods named here and on
  // so many boards (empty: all counts).
  int confirm_frames = 0;
  std::vector<std::string> confirm;
  std::vector<int> confirm_counts;
  // Where that would take longer boards and network are emulated as many times as fast, as far as
  // this machine can (confirmation_speed). 0: however long it takes.
  Seconds confirm_limit{0};
  // What they and the comparison with the whole are made on: images of this set, or clips of them
  // with every `clip_stride`-th; a network that takes neither gets random tensors.
  std::string data = "signs";
  int clip_stride = 1;
  // Images on which each plan is compared with the whole.
  int verify_images = 2;
  // Of the real runs.
  LabMode mode = LabMode::kProcess;
  // Time and memory of every unit on a board.
  bool layers = false;
  // The outputs of every plan are compared with the whole network's.
  bool verify = true;
};

// single: the best board alone. pipeline: stages on a board each (exact). shards: stages and shards
// without replicas. spread: stages, shards and replicas, as `isthmus plan` does. replicas: the
// whole on every board. procedure-1: the paper's. random: the median of random assignments, which
// shard layers that do not fit; random-whole: of those that do not, so that boards swap. channel,
// spatial, input: the whole, as one run of layers, in shards over all boards. as-equal: as spread,
// planned as though the boards were equal.
const std::vector<std::string>& board_method_names();

// Whether a scenario file is of this kind: it has `boards`.
bool is_board_scenario(const Json& document);
// Schema isthmus.scenario/1 (docs/formats/scenario.md).
BoardScenario board_scenario_from_json(const Json& document, const std::string& where,
                                       const std::filesystem::path& folder);

// The source "camera" and boards "pi1" ..., without slowdowns where they have presets.
Cluster board_cluster(const BoardScenario& scenario, int boards);

}  // namespace isthmus
