#include "split/mimic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "split/graft.h"
#include "split/presets.h"

namespace isthmus {
namespace {

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::kInvalid, what); }

// The layers that bring the image to the tensor's shape; `scale` is of the channels of all but the
// last.
LayerDesigns necessary_layers(const DesignTask& task, double scale) {
  constexpr std::int64_t kSmallImage = 64;
  const auto scaled = [&](std::int64_t channels) {
    return std::max<std::int64_t>(std::llround(scale * static_cast<double>(channels)), 1);
  };
  const bool large = task.image.height > kSmallImage && task.target.height <= task.image.height / 4;
  LayerDesigns layers = large ? large_stem() : LayerDesigns(1);
  const int times = std::max(halvings(output_of(task.image, layers).height, task.target.height), 0);
  // The tensor's channels over a power of two, as the teacher itself has them.
  layers[0].channels = scaled(large ? layers[0].channels : task.target.channels >> times);
  FeatureShape at = output_of(task.image, layers);
  for (int left = times - 1; left >= 0; --left) {
    FeatureShape next = halved(at, 1, std::max(scaled(task.target.channels >> left), at.channels));
    if (left == 0) next = task.target;
    const auto layer = fitting_conv(at, next);
    if (!layer) break;
    layers.push_back(*layer);
    at = output_of(at, {&layers.back(), 1});
  }
  if (at == task.target) return layers;
  const auto layer = fitting_conv(at, task.target);
  if (!layer)
    fail(fmt::format("halving the image of {} does not come to {} of {}: take another tensor",
                     to_string(task.image), task.tensor, to_string(task.target)));
  layers.push_back(*layer);
  return layers;
}

}  // namespace

LayerDesigns design_mimic(const DesignTask& task, const StudentSpec& spec) {
  const std::int64_t budget = encoder_budget(task, spec);
  constexpr double kStep = 0.95, kLeastScale = 0.1;
  double scale = 1;
  LayerDesigns layers = necessary_layers(task, scale);
  std::int64_t macs = macs_of(task.image, layers);
  while (macs > budget && scale > kLeastScale) {
    layers = necessary_layers(task, scale *= kStep);
    macs = macs_of(task.image, layers);
  }
  if (macs > budget)
    fail(
        fmt::format("the lightest mimic of {} takes {} MACs, over its budget of {}: take a later "
                    "tensor or a larger budget",
                    task.tensor, format_count(static_cast<double>(macs)),
                    format_count(static_cast<double>(budget))));
  const auto fill = [&](const LayerDesign& layer, int most) {
    const std::int64_t each = macs_of(task.target, {&layer, 1});
    for (int i = 0; i < most && macs + each <= budget; ++i, macs += each) layers.push_back(layer);
  };
  constexpr int kMostWide = 16, kMostNarrow = 4;
  fill({.channels = task.target.channels, .kernel = 3, .pad = {1}}, kMostWide);
  fill({.channels = task.target.channels, .kernel = 1, .pad = {0}}, kMostNarrow);
  layers.back().relu = task.rectified;
  return layers;
}

Student make_mimic_student(const Graph& teacher, const StudentSpec& spec) {
  const DesignTask task = design_task(teacher, spec.until);
  const LayerDesigns layers = design_mimic(task, spec);
  const std::string encoder = free_prefix(teacher, "encoder");
  GraphBuilder net = builder_for(teacher, spec.seed);
  net.output(write_layers(net, teacher.inputs.front().name, layers, encoder));
  Student student;
  student.graph = graft(teacher, spec.until, net.build());
  student.bottleneck = student.target = spec.until;
  assign_regions(student, encoder, encoder);
  return student;
}

}  // namespace isthmus
