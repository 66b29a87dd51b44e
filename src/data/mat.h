#pragma once

#include <opencv2/core.hpp>

#include "core/tensor.h"

namespace isthmus {

// Only for sources of this folder: OpenCV's matrices and our images.

// A view of a u8 HxWx3 image, which must outlive it.
cv::Mat view_of(const Tensor& image);
// A copy of OpenCV's BGR, 8 bits a channel, as our RGB.
Tensor rgb_from_bgr(const cv::Mat& mat);
// Throws Error{kInvalid} unless `image` is u8 HxWx3 with H, W > 0.
void expect_image(const Tensor& image);

}  // namespace isthmus
