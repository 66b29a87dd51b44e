#pragma once

#include <string>

#include "net/security.h"
#include "pipeline/pipeline.h"

namespace isthmus {

// `isthmus plan` for a cluster of many machines: the network in stages and shards over all of them.
struct PlanSpreadArgs {
  std::string model;
  std::string cluster;
  // Plan file to write.
  std::string file;
  PipelineObjective objective = PipelineObjective::kThroughput;
  std::string codec = "f32";
  // Whose test images, or clips of them, the plan is checked on; if "" the signs, or random inputs
  // for a network that takes neither.
  std::string images;
  int checked = 2;
  double deadline_ms = 60'000;
  int runs = 5;
  // Sends ahead what the plan needs and what it would need without any one board.
  bool stage = false;
  Security security;
  bool explain = false;
  bool json = false;
};

void plan_spread(const PlanSpreadArgs& args);

}  // namespace isthmus
