#include "lab/evaluate.h"

#include <memory>
#include <mutex>

#include "core/error.h"
#include "core/parallel.h"
#include "lab/plan_runner.h"

namespace isthmus {
namespace {

// Shared by the threads of one evaluation.
struct Tally {
  std::mutex mutex;
  Evaluation sum;
  double bytes = 0;
};

void count(Tally& tally, const LabelledImage& sample, const PlanOutput& output) {
  const auto scores = output.answer.values<float>();
  if (sample.label >= static_cast<std::int64_t>(scores.size()))
    throw Error(ErrorKind::kInvalid, "the network has " + std::to_string(scores.size()) +
                                         " classes, but an image has label " +
                                         std::to_string(sample.label));
  const std::lock_guard lock(tally.mutex);
  if (sample.label >= 0) {
    ++tally.sum.images;
    if (argmax(scores) == static_cast<std::size_t>(sample.label)) ++tally.sum.hits;
  }
  for (const EdgeBytes& edge : output.bytes)
    if (!edge_from_name(edge.edge).to_part.empty())
      tally.bytes += static_cast<double>(edge.message);
}

}  // namespace

Evaluation evaluate(const LoadedPlan& plan, const std::string& source, const ImageSet& images,
                    int threads, const Progress& progress) {
  Tally tally;
  const auto make_worker = [&]() -> IndexWorker {
    // Shared with nobody, but std::function wants to be copied.
    const auto runner = std::make_shared<PlanRunner>(plan, source);
    return [&, runner](std::int64_t i) {
      const LabelledImage sample = images.get(i);
      count(tally, sample, runner->run(sample.image));
    };
  };
  for_each_index(images.count, threads, make_worker, progress);
  if (tally.sum.images == 0)
    throw Error(ErrorKind::kInvalid, "no image has a label, so there is no accuracy to measure");
  tally.sum.bytes_per_frame = tally.bytes / static_cast<double>(images.count);
  return tally.sum;
}

}  // namespace isthmus
