#include "lab/evaluate.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"
#include "lab/plan_runner.h"

namespace isthmus {
namespace {

// Shared by the threads of one evaluation.
struct Tally {
  std::atomic<std::int64_t> next{0};
  std::mutex mutex;
  Evaluation sum;
  double bytes = 0;
  std::int64_t done = 0;
  std::exception_ptr failure;
};

void count(Tally& tally, const LabelledImage& sample, const PlanOutput& output,
           const Progress& progress, std::int64_t total) {
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
  ++tally.done;
  if (progress) progress(tally.done, total);
}

void work(Tally& tally, const LoadedPlan& plan, const std::string& source, const ImageSet& images,
          const Progress& progress) {
  try {
    PlanRunner runner(plan, source);
    while (true) {
      const std::int64_t index = tally.next++;
      if (index >= images.count) return;
      const LabelledImage sample = images.get(index);
      count(tally, sample, runner.run(sample.image), progress, images.count);
    }
  } catch (...) {
    const std::lock_guard lock(tally.mutex);
    if (!tally.failure) tally.failure = std::current_exception();
    tally.next = images.count;
  }
}

}  // namespace

Evaluation evaluate(const LoadedPlan& plan, const std::string& source, const ImageSet& images,
                    int threads, const Progress& progress) {
  Tally tally;
  {
    std::vector<std::jthread> pool;
    for (int i = 0; i < threads; ++i)
      pool.emplace_back([&] { work(tally, plan, source, images, progress); });
  }
  if (tally.failure) std::rethrow_exception(tally.failure);
  if (tally.sum.images == 0)
    throw Error(ErrorKind::kInvalid, "no image has a label, so there is no accuracy to measure");
  tally.sum.bytes_per_frame = tally.bytes / static_cast<double>(tally.done);
  return tally.sum;
}

}  // namespace isthmus
