#include "lab/virtual_run.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "lab/measure.h"
#include "lab/plan_runner.h"
#include "sim/simulate.h"

namespace isthmus {
namespace {

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

// A part takes what it takes with warm caches, as on an emulated machine (serve/least_run.h).
void level_runs(std::vector<MeasuredFrame>& frames) {
  std::map<std::string, Seconds> least;
  for (const MeasuredFrame& frame : frames)
    for (const auto& [part, cpu] : frame.run) {
      const auto [entry, added] = least.try_emplace(part, cpu);
      if (!added) entry->second = std::min(entry->second, cpu);
    }
  for (MeasuredFrame& frame : frames)
    for (auto& [part, cpu] : frame.run) cpu = least.at(part);
}

}  // namespace

std::vector<MeasuredFrame> measure_for_play(const LoadedPlan& plan, const std::string& source,
                                            const ImageSet& images, int most) {
  ImageSet played = images;
  played.count = std::min<std::int64_t>(images.count, most);
  const std::vector<PlanOutput> outputs = measure_frames(plan, source, played);
  std::vector<MeasuredFrame> frames;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    frames.push_back(measured_frame(outputs[i], images.get(static_cast<std::int64_t>(i)).label));
  level_runs(frames);
  return frames;
}

Trace run_virtually(const Contender& contender, std::vector<MeasuredFrame> measured,
                    const Profile& profile, int frames, double rate, std::uint64_t seed) {
  const SimOptions options{.frames = frames,
                           .rate = rate,
                           .live = rate > 0,
                           .max_in_flight = 1,
                           .max_waiting = 0,
                           .deadline = Seconds{3600},
                           .measured = std::move(measured),
                           .seed = seed};
  return simulate(options, std::vector<LoadedPlan>{contender.plan}, contender.cluster, profile);
}

}  // namespace isthmus
