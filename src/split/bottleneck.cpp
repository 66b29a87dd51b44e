#include "split/bottleneck.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/text.h"
#include "split/graft.h"
#include "split/presets.h"

namespace isthmus {
namespace {

const BottleneckPreset& find_preset(const std::string& name) {
  for (const BottleneckPreset& preset : presets())
    if (preset.name == name) return preset;
  throw Error(ErrorKind::kInvalid, "no design is called " + name +
                                       suggestion(name, bottleneck_presets()) + "; there are " +
                                       fmt::format("{}", fmt::join(bottleneck_presets(), ", ")));
}

// The spec with the preset's channels.
StudentSpec completed(const BottleneckPreset& preset, StudentSpec spec) {
  if (spec.channels < 0 || spec.patch < 0)
    throw Error(ErrorKind::kInvalid,
                fmt::format("a bottleneck needs positive channels and patch: {} channels, patch {}",
                            spec.channels, spec.patch));
  if (spec.channels == 0) spec.channels = preset.channels;
  return spec;
}

void check_encoder(const DesignTask& task, const StudentSpec& spec, const LayerDesigns& encoder) {
  const FeatureShape bottleneck = output_of(task.image, encoder);
  if (bottleneck.elements() > task.image.elements())
    throw Error(ErrorKind::kInvalid,
                fmt::format("a bottleneck of {} has more values than the image of {}: take at most "
                            "{} channels",
                            to_string(bottleneck), to_string(task.image),
                            task.image.elements() / (bottleneck.height * bottleneck.width)));
  const std::int64_t budget = encoder_budget(task, spec), macs = macs_of(task.image, encoder);
  if (macs > budget)
    throw Error(
        ErrorKind::kInvalid,
        fmt::format("the encoder of {} takes {} MACs, over its budget of {} ({:.0f} % of "
                    "the teacher's up to {}): take a later tensor{} or a larger budget",
                    spec.preset, format_count(static_cast<double>(macs)),
                    format_count(static_cast<double>(budget)),
                    100.0 * static_cast<double>(budget) / static_cast<double>(task.teacher_macs),
                    task.tensor, spec.preset == "auto" ? "" : ", preset auto"));
}

}  // namespace

const std::vector<std::string>& bottleneck_presets() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const BottleneckPreset& preset : presets()) result.push_back(preset.name);
    return result;
  }();
  return names;
}

DesignTask design_task(const Graph& teacher, const std::string& until) {
  const FeatureShape image = image_shape(teacher);
  check_cut_point(teacher, until);
  return {.image = image,
          .tensor = until,
          .target = feature_shape(teacher, until),
          .rectified = is_rectified(teacher, until),
          .teacher_macs = macs_up_to(teacher, until)};
}

std::int64_t encoder_budget(const DesignTask& task, const StudentSpec& spec) {
  constexpr double kBudget = 0.2;
  if (!(spec.budget >= 0 && spec.budget <= 1))
    throw Error(ErrorKind::kInvalid,
                fmt::format("the budget of the encoder is a fraction of the teacher's MACs, 0 to "
                            "1: {}",
                            spec.budget));
  const double fraction = spec.budget > 0 ? spec.budget : kBudget;
  return static_cast<std::int64_t>(fraction * static_cast<double>(task.teacher_macs));
}

StudentDesign design_bottleneck(const DesignTask& task, const StudentSpec& spec) {
  const BottleneckPreset& preset = find_preset(spec.preset);
  const StudentSpec whole = completed(preset, spec);
  StudentDesign design;
  design.encoder = preset.encoder(task, whole);
  check_encoder(task, whole, design.encoder);
  design.decoder = preset.decoder(task, design.encoder);
  return design;
}

Student make_bottleneck_student(const Graph& teacher, const StudentSpec& spec) {
  const DesignTask task = design_task(teacher, spec.until);
  const StudentDesign design = design_bottleneck(task, spec);
  const std::string encoder = free_prefix(teacher, "encoder");
  const std::string decoder = free_prefix(teacher, "decoder");
  GraphBuilder net = builder_for(teacher, spec.seed);
  Student student;
  student.bottleneck = write_layers(net, teacher.inputs.front().name, design.encoder, encoder);
  net.output(write_layers(net, student.bottleneck, design.decoder, decoder));
  student.graph = graft(teacher, spec.until, net.build());
  student.target = spec.until;
  assign_regions(student, encoder, decoder);
  return student;
}

}  // namespace isthmus
