#include "data/mat.h"

#include <opencv2/imgproc.hpp>

#include "core/error.h"

namespace isthmus {

void expect_image(const Tensor& image) {
  const Shape& shape = image.shape();
  if (image.dtype() != DType::kU8 || shape.size() != 3 || shape[2] != 3 || image.size() == 0)
    throw Error(ErrorKind::kInvalid,
                "an image must be uint8 HxWx3: " + std::string(to_string(image.dtype())) + ' ' +
                    to_string(shape));
}

cv::Mat view_of(const Tensor& image) {
  expect_image(image);
  auto* const pixels = const_cast<std::uint8_t*>(image.values<std::uint8_t>().data());
  return {static_cast<int>(image.shape()[0]), static_cast<int>(image.shape()[1]), CV_8UC3, pixels};
}

Tensor rgb_from_bgr(const cv::Mat& mat) {
  Tensor image(DType::kU8, {mat.rows, mat.cols, 3});
  cv::Mat target = view_of(image);
  cv::cvtColor(mat, target, mat.channels() == 1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
  return image;
}

}  // namespace isthmus
