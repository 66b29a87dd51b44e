#pragma once

#include <string>
#include <vector>

#include "split/layer_design.h"
#include "split/student.h"

namespace isthmus {

// Designs of an encoder and a decoder whose output has exactly the shape of a teacher's tensor
// (paper 0, section 3; paper 1, III-B and IV-A). Layers are convolutions with batch normalization
// and ReLU, transposed convolutions and poolings. The bottleneck is behind the ReLU of the layer
// that makes it, where half of the values are zero and codes are short; `linear` leaves it out.
//
//   hnd            Convolution 7x7 of 64 and 3x3 maximum, both of stride 2, then a convolution 2x2
//                  of stride 2 to the bottleneck: 3x29x29 for 224 px (1.68 % of the input), 3x37x37
//                  for 299 px (1.53 %). Decoder of 2x2 convolutions, with average pooling or
//                  transposed convolutions where the target's side asks for it. 3 channels.
//   bottlefit-sp1  The same with 12 channels; the paper has 3, 6, 9 and 12.
//   bottlefit-sp2  One convolution later: 3x3 of 256 and stride 2, then 3x3 of stride 2 to 12
//                  channels of 14x14 at 224 px. A transposed convolution begins the decoder.
//   auto           For any size of image, target and patch: convolutions 3x3 that halve the side,
//                  one more at the patch's size and the bottleneck, as wide as the budget allows.
//                  12 channels of half the target's side.
//
// The decoder is as wide as keeps encoder and decoder together within the MACs of the layers that
// they stand for (paper 1, III-B: "the overall complexity will not increase"); those of
// bottlefit-sp2 and auto alone within half of them.
const std::vector<std::string>& bottleneck_presets();

// What a design has to fit.
struct DesignTask {
  FeatureShape image;
  // Name and shape of the teacher's tensor, whether it is never negative, and the MACs up to it.
  std::string tensor;
  FeatureShape target;
  bool rectified = false;
  std::int64_t teacher_macs = 0;
};

// Throws for a teacher that does not take one f32 image and for a tensor that is no cut point.
DesignTask design_task(const Graph& teacher, const std::string& until);

// Most MACs of the encoder: `spec.budget`, or 0.2, of the teacher's. Throws Error{kInvalid} for a
// fraction outside 0 to 1.
std::int64_t encoder_budget(const DesignTask& task, const StudentSpec& spec);

struct StudentDesign {
  LayerDesigns encoder;
  LayerDesigns decoder;
};

// `spec.preset`, `channels`, `patch`, `budget` and `linear` count. Throws Error{kInvalid} with the
// way out for an unknown preset, a patch that it does not make or that is larger than the target, a
// target that it cannot reach, an encoder over its budget, and a bottleneck with more values than
// the image.
StudentDesign design_bottleneck(const DesignTask& task, const StudentSpec& spec);

// Names of the layers begin with "encoder." and "decoder.". Throws as the functions above.
Student make_bottleneck_student(const Graph& teacher, const StudentSpec& spec);

}  // namespace isthmus
