#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codec/affine.h"
#include "core/progress.h"
#include "plan/plan.h"
#include "train/batches.h"

namespace isthmus {

// What the head makes of images of a pool (training images, never test images): one tensor each.
std::vector<Tensor> head_outputs(const Graph& head, const ImagePool& pool,
                                 std::span<const std::int64_t> indices,
                                 const Normalization& normalization, int threads,
                                 const Progress& progress = {});

ValueRange range_of_samples(std::span<const Tensor> samples);

// The range of 256 values whose neighbours are `step` apart, zero among them, that begins at or
// below the observed one and ends at or above it. Where 256 values do not reach so far, a larger
// step: as large as 254 of them need for what lies between zero and the observed values. The
// observed range itself for step 0.
ValueRange range_with_step(ValueRange observed, double step);

// A codec of the bottleneck with what it has to know.
struct CalibratedWire {
  PlanCodec codec;
  // Serialised frequency tables; null if it has none.
  std::shared_ptr<const std::string> table;
};
// `name` as in codec/codec.h; `range` counts for u8 and u8+rans, the samples for the tables.
CalibratedWire calibrated(const std::string& name, ValueRange range,
                          std::span<const Tensor> samples);

}  // namespace isthmus
