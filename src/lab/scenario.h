#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/json_fwd.h"
#include "core/link_profile.h"
#include "plan/cluster.h"
#include "split/student.h"

namespace isthmus {

// One network to be tried, and the images for it.
struct ScenarioNetwork {
  // ONNX file, zoo:NAME, or the name of a network in a model folder (data/known_models.h).
  std::string model;
  std::string name;
  // Test images, by data set name; accuracy is measured on them.
  std::string data;
  // Ranges and frequency tables are learnt from these; never the test images.
  std::string calibrate;
  // Test images for the accuracy; 0 for all.
  std::int64_t images = 0;
  // A smaller network for the same classes that the device can answer with (strategy local-small);
  // "" for none.
  std::string small;
  // Trained splits of this network: plan files, or folders that `isthmus train` wrote, by path or
  // by name in a model folder. Each is a strategy of its own, "split:NAME" by the folder's name.
  std::vector<std::string> splits;
  // Splits that are only designed: their weights are seeded, so they have times, bytes and energy
  // but no accuracy. Each is a strategy of its own, "student:PRESET-Nch", with u8 on the wire.
  std::vector<StudentSpec> students;
  // Other machines than the scenario's.
  std::optional<Machine> device;
  std::optional<Machine> server;
};

enum class LabMode : std::uint8_t {
  kProcess,    // Loopback; links are shaped in net/.
  kNamespace,  // Root: network namespaces, veth and tc tbf; latency in net/.
};

// The field `mode`: process, the default, or namespace.
LabMode read_lab_mode(Fields& fields);

// Every strategy over every link for every network.
struct Scenario {
  std::string name;
  Machine device;
  Machine server;
  std::vector<LinkProfile> links;
  std::vector<ScenarioNetwork> networks;
  // "local", "local-small", "raw", "jpeg:Q", "webp:Q", "cut/CODEC" (the best natural place for that
  // codec and link).
  std::vector<std::string> strategies;
  // Frames of one strategy on one link: at most `frames`, at least `min_frames`, and as many as fit
  // in `cell_time`.
  int frames = 20;
  int min_frames = 5;
  Seconds cell_time{2};
  // Frames a second; 0: the next is taken when the last is answered. In virtual time a picture that
  // is due while the one before has no answer yet is left out, as by a camera that keeps only the
  // newest, so that times are those of a frame that waits for no other.
  double rate = 0;
  // Links slower than this are played in virtual time, with `confirm_frames` real frames of one
  // strategy.
  double virtual_below = 1e6;
  int confirm_frames = 3;
  int calibration_images = 64;
  // Natural cuts that are measured.
  int cuts = 8;
  std::uint64_t seed = 1;
  LabMode mode = LabMode::kProcess;
};

// Schema isthmus.scenario/1 (docs/formats/scenario.md).
Scenario read_scenario(const std::filesystem::path& file);
Scenario scenario_from_json(const Json& document, const std::string& where,
                            const std::filesystem::path& folder);

}  // namespace isthmus
