#include "cli/inputs.h"

#include <filesystem>

#include "codec/normalise.h"
#include "data/known_models.h"
#include "lab/image_set.h"

namespace isthmus {

std::string resolve_model(const std::string& name) {
  if (name.starts_with("zoo:") || std::filesystem::exists(name)) return name;
  const auto known = find_known_model(name);
  return known ? known->string() : name;
}

InputSource image_inputs(const Graph& graph, const std::string& model, const std::string& images,
                         std::int64_t limit) {
  const PlanInput input = plan_input(graph, model);
  const ImageSet set = open_images(images, Split::kTest, input, limit);
  const Normalization normalization{.scale = input.scale, .mean = input.mean, .std = input.std};
  return [set, normalization, limit](std::int64_t index) -> std::optional<std::vector<Tensor>> {
    if (index >= std::min(set.count, limit)) return std::nullopt;
    return std::vector<Tensor>{normalise(set.get(index).image, normalization)};
  };
}

}  // namespace isthmus
