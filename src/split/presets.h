#pragma once

// Private to split/: the table of designs (bottleneck.h says what each is).

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "split/bottleneck.h"

namespace isthmus {

struct BottleneckPreset {
  std::string name;
  // Of the bottleneck, where the spec names none.
  std::int64_t channels = 0;
  // From the image to the bottleneck; the spec's channels are known. May throw for its patch.
  std::function<LayerDesigns(const DesignTask&, const StudentSpec&)> encoder;
  // From behind that encoder to exactly the task's target. Throws if it cannot get there.
  std::function<LayerDesigns(const DesignTask&, const LayerDesigns& encoder)> decoder;
};

const std::vector<BottleneckPreset>& presets();

// The beginning that ImageNet networks share: convolution 7x7 of 64 and 3x3 maximum, each of stride
// 2. A quarter of the side.
LayerDesigns large_stem();

// How often `from` has to be halved to come nearest to `to`; negative if doubled.
int halvings(std::int64_t from, std::int64_t to);

// Height and width of `whole` over 2^times, rounded up.
FeatureShape halved(const FeatureShape& whole, int times, std::int64_t channels);

}  // namespace isthmus
