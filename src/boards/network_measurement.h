#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/progress.h"
#include "core/tensor.h"
#include "graph/graph.h"
#include "pipeline/units.h"
#include "plan/plan.h"
#include "plan/profile.h"

namespace isthmus {

class Codec;

// What the parts of a network take on this machine, on one thread: as measure_from_memory
// (lab/measure.h) says, of `runs` runs, with their weights where an agent has them; and the codecs
// on their tensors, with taking a message off the stream in `decode`. What `known` holds is not
// measured again, and what is new is added to it.
class NetworkMeasurement {
 public:
  // Network and profile must outlive it.
  NetworkMeasurement(const Graph& network, Profile& known, int runs);

  Seconds whole();
  // The units of the network, and the codec on the tensor behind each.
  std::vector<MeasuredUnit> units(const std::vector<std::string>& units,
                                  const std::string& codec_name, const Progress& progress = {});
  // The codec on the network's input; in `decode`, with what makes it from an image. Not kept.
  CodecProfile input(const PlanInput& input, const std::string& codec_name);
  // Parts and codecs of a plan over many boards, for prediction and simulation.
  void plan(const LoadedPlan& plan);

 private:
  class OfPlan;

  const PartProfile& part(const Graph& part, const std::string& hash);
  const CodecProfile& codec(const std::string& key, const Codec& codec, const Tensor& tensor);

  const Graph& network_;
  Profile& known_;
  const int runs_;
};

}  // namespace isthmus
