#pragma once

#include "codec/normalise.h"
#include "core/tensor.h"
#include "data/model_card.h"

namespace isthmus {

// From a picture of any size to the input of a network.
struct Preprocess {
  // Of the network's input, in pixels.
  int width = 0;
  int height = 0;
  // Length of the short side before the centre crop. 0: 256/224 of the input's for inputs from 160
  // pixels (as ImageNet networks are evaluated), the input's own for smaller ones.
  int resize = 0;
  Normalization normalization;
};

// `input` is the network's input shape, which fills in what the card does not say. Throws
// Error{kInvalid} if neither says, if they contradict each other, or if it is no 1x3xHxW.
Preprocess preprocess_for(const ModelCard& card, const Shape& input);

// Resizes and crops u8 HxWx3 to u8 height x width x 3, which is what a camera sends. An image of
// that size is returned as it is; one whose short side is between the input's and `resize` is only
// cropped. Shrinks by area, enlarges bilinearly.
Tensor fit_image(const Tensor& image, const Preprocess& preprocess);

// fit_image and normalise: f32 1x3 x height x width.
Tensor prepare_image(const Tensor& image, const Preprocess& preprocess);

}  // namespace isthmus
