#pragma once

#include <string>
#include <vector>

#include "core/progress.h"
#include "lab/image_set.h"
#include "plan/devices.h"
#include "plan/plan.h"
#include "plan/profile.h"
#include "plan/strategies.h"

namespace isthmus {

// A network as it stands before any strategy.
struct NetworkUnderStudy {
  // As reports name it, and what slowdowns look up ("mobilenetv2").
  std::string name;
  std::string model;
  Graph graph;
  PlanInput input;
  std::vector<std::string> labels;
  GraphWork work;
  // Of one run here, one thread; 0 until it is measured.
  Seconds measured{0};
};

// Reads what `graph` and the card beside `model` declare.
NetworkUnderStudy study_network(Graph graph, const std::string& model, const std::string& name);
// Fills in `measured`.
void measure_network(NetworkUnderStudy& network);

// "local", "raw", "jpeg:Q", "webp:Q", "f32", "u8", ... (the image, or the network's input, goes to
// the server), and "cut/CODEC": every promising cut with that codec, named "cut:TENSOR/CODEC".
// u8+rans learns its range and frequency tables from `calibration`, which must never be test
// images. Throws Error{kInvalid} for an unknown strategy (with those there are).
std::vector<LoadedPlan> candidate_plans(const NetworkUnderStudy& network,
                                        const std::vector<std::string>& strategies, int cuts,
                                        const StrategyOptions& options, const ImageSet& calibration,
                                        const Progress& progress = {});

// The strategy that a candidate belongs to: "cut:features.3/u8" -> "cut/u8"; all others are
// themselves.
std::string strategy_of(const std::string& plan);

// All that `isthmus plan` compares unless told otherwise.
std::vector<std::string> default_strategies();

// A data set whose training images calibrate this network: the card's own, else Caltech-101 for
// large inputs where it is there, else the built-in signs.
std::string calibration_set(const std::string& model, const PlanInput& input);

}  // namespace isthmus
