#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/progress.h"
#include "lab/image_set.h"
#include "lab/plan_runner.h"
#include "plan/plan.h"
#include "plan/profile.h"

namespace isthmus {

// One part alone, on random inputs (seed 1): wall-clock median and 95th percentile of `runs` runs
// on one thread, and CPU time.
PartProfile measure_part(const Graph& part, int runs);

// The same with weights that come from memory, as those of a board do, whose caches hold none of
// them; this machine's may hold a large dense layer from run to run, which makes it 1.4 times as
// fast as it is among others. By the least CPU time, which an emulated machine multiplies, too
// (serve/least_run.h), of `runs` runs and of as many as take 50 ms. It stands for the median.
PartProfile measure_from_memory(const Graph& part, int runs);

// What parts and codecs of the plans cost on this machine, one thread: CPU time, which other load
// on the machine disturbs least. Each part and each codec of a tensor is measured once, over all
// images (after one run to warm up). `known` parts and codecs are not measured again.
Profile measure_plans(std::span<const LoadedPlan> plans, const std::string& source,
                      const ImageSet& images, const Profile& known = {},
                      const Progress& progress = {});

// The same for one frame after another: what the simulator plays where content decides (the size of
// a JPEG).
std::vector<PlanOutput> measure_frames(const LoadedPlan& plan, const std::string& source,
                                       const ImageSet& images);

}  // namespace isthmus
