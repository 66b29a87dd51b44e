#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "plan/plan.h"

namespace isthmus {

struct LabelledImage {
  // u8 HWC at a network's input size.
  Tensor image;
  // -1 if unknown.
  std::int64_t label = -1;
  // CPU time that resizing and cropping took.
  Seconds prepare{0};
};

// Images as a network's camera would take them, by index. `get` is thread-safe.
struct ImageSet {
  std::int64_t count = 0;
  std::vector<std::string> class_names;
  std::function<LabelledImage(std::int64_t index)> get;
};

// What a network's graph and the file beside it (data/model_card.h) declare, as a plan's input; one
// of width 0 for a network that takes no image (a clip).
// `model` is the file; one that does not exist (zoo:NAME) has no card.
PlanInput plan_input(const Graph& graph, const std::string& model);
// Its class names; empty if unknown.
std::vector<std::string> plan_labels(const std::string& model);

// Images of open_dataset(spec, split), resized and cropped to `input`: a seeded sample of `limit`
// of them (0: all). Throws what open_dataset throws, and Error{kInvalid} for a network whose input
// is no image.
ImageSet open_images(const std::string& spec, Split split, const PlanInput& input,
                     std::int64_t limit, std::uint64_t seed = 1);

}  // namespace isthmus
