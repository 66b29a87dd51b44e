#include "data/preprocess.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <string>

#include "core/error.h"
#include "data/mat.h"

namespace isthmus {
namespace {

// ImageNet networks for 224 pixels are evaluated on the centre of images 256 pixels high.
int default_resize(int input) {
  constexpr int kMarginFrom = 160;
  return input < kMarginFrom ? input : (input * 256 + 112) / 224;
}

cv::Size resized(cv::Size image, double factor, const Preprocess& wanted) {
  return {std::max(wanted.width, static_cast<int>(std::lround(image.width * factor))),
          std::max(wanted.height, static_cast<int>(std::lround(image.height * factor)))};
}

// Size before the crop. Measured by the side that is the tighter fit, which for a square input is
// the short one.
cv::Size size_before_crop(cv::Size image, const Preprocess& wanted) {
  const double cover = std::max(static_cast<double>(wanted.width) / image.width,
                                static_cast<double>(wanted.height) / image.height);
  const int input = std::min(wanted.width, wanted.height);
  const int resize = std::max(input, wanted.resize > 0 ? wanted.resize : default_resize(input));
  const double margin = static_cast<double>(resize) / input;
  if (cover <= 1 && cover * margin >= 1) return image;
  return resized(image, cover * margin, wanted);
}

Tensor copy_of(const cv::Mat& rgb) {
  Tensor image(DType::kU8, {rgb.rows, rgb.cols, 3});
  cv::Mat target = view_of(image);
  rgb.copyTo(target);
  return image;
}

void fill_in(int& value, std::int64_t extent, const char* what) {
  if (extent <= 0) return;
  if (value != 0 && value != extent)
    throw Error(ErrorKind::kInvalid, std::string("the card's ") + what + ' ' +
                                         std::to_string(value) + " is not the network's " +
                                         std::to_string(extent));
  constexpr std::int64_t kLargest = 1 << 14;
  value = static_cast<int>(std::min(extent, kLargest));
}

}  // namespace

Preprocess preprocess_for(const ModelCard& card, const Shape& input) {
  if (input.size() != 4 || (input[1] != 3 && input[1] != -1))
    throw Error(ErrorKind::kInvalid,
                "the network takes no RGB images (1x3xHxW): " + to_string(input));
  Preprocess preprocess{.width = card.width,
                        .height = card.height,
                        .resize = card.resize,
                        .normalization = card.normalization};
  fill_in(preprocess.height, input[2], "height");
  fill_in(preprocess.width, input[3], "width");
  if (preprocess.width <= 0 || preprocess.height <= 0)
    throw Error(ErrorKind::kInvalid,
                "neither the network nor its card says how large the input is: " +
                    to_string(input) + " (put \"input_size\": [H, W] into the card)");
  return preprocess;
}

Tensor fit_image(const Tensor& image, const Preprocess& preprocess) {
  const cv::Mat source = view_of(image);
  const cv::Size wanted(preprocess.width, preprocess.height);
  if (source.size() == wanted) return image;

  const cv::Size before = size_before_crop(source.size(), preprocess);
  cv::Mat scaled = source;
  if (before != source.size()) {
    const bool shrinks = before.width < source.cols;
    cv::resize(source, scaled, before, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_LINEAR);
  }
  const cv::Point corner((scaled.cols - wanted.width) / 2, (scaled.rows - wanted.height) / 2);
  return copy_of(scaled(cv::Rect(corner, wanted)));
}

Tensor prepare_image(const Tensor& image, const Preprocess& preprocess) {
  return normalise(fit_image(image, preprocess), preprocess.normalization);
}

}  // namespace isthmus
