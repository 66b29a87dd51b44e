#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace isthmus {

// The producers of plans for a device and a server: each is the same network in another shape.
struct StrategyOptions {
  std::string device;
  std::string server;
  PlanInput input;
  std::vector<std::string> labels;
  // How the scores come back.
  std::string answer_codec = "top:5";
  Seconds deadline{10};
};

// The whole on the device.
LoadedPlan local_plan(const Graph& graph, const std::string& network,
                      const StrategyOptions& options);
// The whole on the server; the image travels as raw, jpeg:Q, webp:Q (or the normalised tensor as
// f32, u8, ...).
LoadedPlan offload_plan(const Graph& graph, const std::string& network,
                        const std::string& image_codec, const StrategyOptions& options);
// Cut at `tensors`, head on the device, tail on the server; all crossing edges coded by `codec`.
// The caller adds the frequency tables that it names to `tables`.
LoadedPlan cut_plan(const Graph& graph, const std::string& network,
                    const std::vector<std::string>& tensors, const PlanCodec& codec,
                    const StrategyOptions& options);

// The cuts worth measuring: cut points that no other beats in both accumulated MACs and bytes (the
// Pareto front), at most `most`, spread over the front with both its ends. Of cuts that are equal
// in both (a convolution and its ReLU) the last, but no views (Reshape, Flatten).
std::vector<std::string> promising_cuts(const Graph& graph, std::size_t most);

}  // namespace isthmus
