#include "split/autoencoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "split/graft.h"
#include "split/presets.h"

namespace isthmus {
namespace {

constexpr int kLayers = 4;
constexpr std::int64_t kChannels = 12;

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::kInvalid, what); }

// Shapes from the tensor (first) to the bottleneck (last).
std::vector<FeatureShape> way_down(const DesignTask& task, const StudentSpec& spec) {
  const FeatureShape& target = task.target;
  const std::int64_t channels = spec.channels > 0 ? spec.channels : kChannels;
  const std::int64_t patch = spec.patch > 0 ? spec.patch : (target.height + 1) / 2;
  if (patch > target.height)
    fail(fmt::format("a patch of {} is larger than {} of {}: take at most {}", patch, task.tensor,
                     to_string(target), target.height));
  const int times = halvings(target.height, patch);
  if (times > kLayers || halved(target, times, 0).height != patch)
    fail(fmt::format("halving {} of {} does not come to a patch of {}: take {}", task.tensor,
                     to_string(target), patch, halved(target, std::min(times, kLayers), 0).height));
  const double ratio = static_cast<double>(channels) / static_cast<double>(target.channels);
  std::vector<FeatureShape> shapes = {target};
  for (int i = 1; i <= kLayers; ++i) {
    const double share = static_cast<double>(i) / kLayers;
    const double wanted = static_cast<double>(target.channels) * std::pow(ratio, share);
    shapes.push_back(halved(target, std::min(i, times), std::max(std::llround(wanted), 1LL)));
  }
  if (shapes.back().elements() >= target.elements())
    fail(fmt::format("a bottleneck of {} is not smaller than {} of {}: take fewer channels",
                     to_string(shapes.back()), task.tensor, to_string(target)));
  return shapes;
}

LayerDesign fitted(const std::optional<LayerDesign>& layer, const DesignTask& task) {
  if (!layer)
    fail(fmt::format("no autoencoder fits the sides of {}, {}: take another tensor", task.tensor,
                     to_string(task.target)));
  return *layer;
}

}  // namespace

StudentDesign design_autoencoder(const DesignTask& task, const StudentSpec& spec) {
  const std::vector<FeatureShape> shapes = way_down(task, spec);
  StudentDesign design;
  for (std::size_t i = 1; i < shapes.size(); ++i)
    design.encoder.push_back(fitted(fitting_conv(shapes[i - 1], shapes[i]), task));
  for (std::size_t i = shapes.size() - 1; i > 0; --i)
    design.decoder.push_back(fitted(fitting_deconv(shapes[i], shapes[i - 1]), task));
  design.encoder.back().relu = !spec.linear;
  design.decoder.back().relu = task.rectified;
  return design;
}

Student make_autoencoder_student(const Graph& teacher, const StudentSpec& spec) {
  const DesignTask task = design_task(teacher, spec.until);
  const StudentDesign design = design_autoencoder(task, spec);
  const std::string encoder = free_prefix(teacher, "encoder");
  const std::string decoder = free_prefix(teacher, "decoder");

  GraphBuilder net("autoencoder", {.seed = spec.seed, .opset = teacher.opset()});
  Student student;
  student.source = free_prefix(teacher, "autoencoder") + ".input";
  net.input(student.source, teacher.value_of(spec.until).shape);
  student.bottleneck = write_layers(net, student.source, design.encoder, encoder);
  const std::string output = write_layers(net, student.bottleneck, design.decoder, decoder);
  net.output(output);
  student.target = spec.until;
  student.graph = insert_layers(teacher, spec.until, net.build());
  assign_regions(student, encoder, decoder);
  return student;
}

}  // namespace isthmus
