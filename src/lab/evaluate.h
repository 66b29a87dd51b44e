#pragma once

#include <cstdint>

#include "core/progress.h"
#include "core/statistics.h"
#include "lab/image_set.h"
#include "plan/plan.h"

namespace isthmus {

struct Evaluation {
  std::int64_t hits = 0;
  // Images with a known label.
  std::int64_t images = 0;
  // Mean bytes that leave the source for one image, frame headers included; 0 for a local plan.
  double bytes_per_frame = 0;

  double top1() const {
    return images ? static_cast<double>(hits) / static_cast<double>(images) : 0;
  }
  // Wilson, 95 %.
  Interval interval() const { return wilson_interval(hits, images); }
};

// Share of images that a plan classifies right, codecs included, in one process. `threads` images
// at a time. Throws Error{kInvalid} if no image has a label, or a label is outside the network's
// classes.
Evaluation evaluate(const LoadedPlan& plan, const std::string& source, const ImageSet& images,
                    int threads, const Progress& progress = {});

}  // namespace isthmus
