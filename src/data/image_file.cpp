#include "data/image_file.h"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <string>
#include <vector>

#include "codec/image.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "data/mat.h"

namespace isthmus {
namespace {

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

bool is_jpeg_or_webp(std::string_view bytes) {
  return bytes.starts_with("\xff\xd8\xff") ||
         (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP"));
}

Tensor decode_with_opencv(std::string_view bytes) {
  const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
  const cv::Mat decoded = cv::imdecode(raw, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  if (decoded.empty()) throw Error(ErrorKind::kInvalid, "no picture of a known format");
  return rgb_from_bgr(decoded);
}

// JPEG and WebP by our own decoders, which refuse damaged files; OpenCV fills in grey instead.
Tensor decode(std::string_view bytes) {
  if (is_jpeg_or_webp(bytes)) return decode_image(std::as_bytes(std::span(bytes)));
  return decode_with_opencv(bytes);
}

}  // namespace

bool is_image_name(std::string_view name) {
  return ends_with_any(lower_case(name), {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm"});
}

bool is_video_name(std::string_view name) {
  return ends_with_any(lower_case(name), {".avi", ".mkv", ".mov", ".mp4", ".mpg", ".webm"});
}

Tensor read_image(const std::filesystem::path& file) {
  constexpr std::size_t kLargest = std::size_t{256} << 20;
  const std::string bytes = read_file(file, kLargest);
  try {
    if (bytes.empty()) throw Error(ErrorKind::kInvalid, "the file is empty");
    return decode(bytes);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInvalid, "cannot decode " + file.string() + ": " + error.what());
  } catch (const cv::Exception& error) {
    throw Error(ErrorKind::kInvalid, "cannot decode " + file.string() + ": " + error.err);
  }
}

void write_image(const std::filesystem::path& file, const Tensor& image) {
  cv::Mat bgr;
  cv::cvtColor(view_of(image), bgr, cv::COLOR_RGB2BGR);
  std::vector<unsigned char> bytes;
  if (!is_image_name(file.string()) ||
      !cv::imencode(lower_case(file.extension().string()), bgr, bytes))
    throw Error(ErrorKind::kInvalid, "no known image format: " + file.string());
  write_file(file, std::as_bytes(std::span(bytes)));
}

}  // namespace isthmus
