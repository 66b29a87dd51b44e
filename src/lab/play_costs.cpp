#include "lab/play_costs.h"

#include <algorithm>

#include "lab/measure.h"
#include "lab/plan_runner.h"

namespace isthmus {
namespace {

constexpr std::int64_t kTimedAgain = 8;

MeasuredFrame measured_frame(const PlanOutput& output, std::int64_t truth) {
  MeasuredFrame frame;
  for (const PlanStep& step : output.steps) {
    switch (step.kind) {
      case SpanKind::kRun: frame.run[step.what] = step.cpu; break;
      case SpanKind::kEncode: frame.encode[step.what] = step.cpu; break;
      case SpanKind::kDecode: frame.decode[step.what] = step.cpu; break;
      case SpanKind::kPrepare: frame.normalise = step.cpu; break;
      default: break;
    }
  }
  for (const EdgeBytes& edge : output.bytes) frame.message_bytes[edge.edge] = edge.message;
  frame.label = static_cast<std::int64_t>(argmax(output.answer.values<float>()));
  frame.truth = truth;
  return frame;
}

// What a frame's costs and bytes depend on.
std::string key_of(const Plan& plan, const std::string& image_name) {
  std::string key = image_name;
  for (const PlacedPart& part : plan.parts)
    key += '\n' + part.name + ' ' + part.sha256 + ' ' + part.machines.front();
  for (const PlanEdge& edge : plan.edges)
    key += '\n' + edge_name(edge.edge) + ' ' + edge.codec.name + ' ' + edge.codec.table_sha256;
  return key;
}

}  // namespace

bool PlayCosts::measure(const LoadedPlan& plan, const std::string& source,
                        const std::string& image_name, const ImageSet& images, int most) {
  const std::string key = key_of(plan.plan, image_name);
  if (frames_.contains(key)) return false;
  ImageSet played = images;
  played.count = std::min<std::int64_t>(images.count, most);
  const std::vector<PlanOutput> outputs = measure_frames(plan, source, played);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::int64_t truth = images.get(static_cast<std::int64_t>(i)).label;
    frames_[key].push_back(measured_frame(outputs[i], truth));
    for (const auto& [part, cpu] : frames_[key].back().run) note(plan.plan.find(part)->sha256, cpu);
  }
  return true;
}

void PlayCosts::time_again(const LoadedPlan& plan, const std::string& source,
                           const ImageSet& images) {
  ImageSet some = images;
  some.count = std::min(images.count, kTimedAgain);
  for (const PlanOutput& output : measure_frames(plan, source, some))
    for (const PlanStep& step : output.steps)
      if (step.kind == SpanKind::kRun) note(plan.plan.find(step.what)->sha256, step.cpu);
}

void PlayCosts::note(const std::string& part_sha256, Seconds time) {
  const auto [entry, added] = least_.try_emplace(part_sha256, time);
  if (!added) entry->second = std::min(entry->second, time);
}

std::vector<MeasuredFrame> PlayCosts::frames(const Plan& plan,
                                             const std::string& image_name) const {
  std::vector<MeasuredFrame> frames = frames_.at(key_of(plan, image_name));
  for (MeasuredFrame& frame : frames)
    for (auto& [part, cpu] : frame.run) cpu = least_.at(plan.find(part)->sha256);
  return frames;
}

std::optional<Seconds> PlayCosts::least(const std::string& part_sha256) const {
  const auto found = least_.find(part_sha256);
  return found == least_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace isthmus
