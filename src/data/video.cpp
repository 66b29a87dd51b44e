#include "data/video.h"

#include <algorithm>
#include <mutex>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/videoio.hpp>
#include <utility>

#include "core/error.h"
#include "data/mat.h"

namespace isthmus {
namespace {

namespace fs = std::filesystem;

Sample frame_sample(const cv::Mat& frame, std::int64_t index) {
  return {.image = rgb_from_bgr(frame), .label = -1, .id = "frame " + std::to_string(index)};
}

// OpenCV tries one library after the other and reports each failure on stderr; we report the
// outcome.
bool open_quietly(cv::VideoCapture& capture, const auto& source, int library) {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  return capture.open(source, library);
}

class Video final : public Dataset {
 public:
  explicit Video(const fs::path& file) : file_(file), name_(file.filename().string()) {
    reopen();
    size_ = count_frames();
    if (size_ == 0)
      throw Error(ErrorKind::kInvalid, "video has no frames that can be decoded: " + file.string());
    reopen();
  }

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return size_; }
  const std::vector<std::string>& class_names() const override { return no_names_; }
  std::int64_t label(std::int64_t) const override { return -1; }

  Sample get(std::int64_t index) const override {
    const std::lock_guard lock(mutex_);
    seek(index);
    cv::Mat frame;
    if (!capture_.read(frame))
      throw Error(ErrorKind::kInvalid,
                  "cannot decode frame " + std::to_string(index) + " of " + file_.string());
    next_ = index + 1;
    return frame_sample(frame, index);
  }

 private:
  void reopen() const {
    next_ = 0;
    const std::string file = file_.string();
    if (!open_quietly(capture_, file, cv::CAP_FFMPEG) &&
        !open_quietly(capture_, file, cv::CAP_OPENCV_MJPEG))
      throw Error(ErrorKind::kInvalid, "cannot open as a video: " + file_.string());
  }

  // What the container says is an estimate that may be some frames too high: look at the end, and
  // count when that is no help.
  std::int64_t count_frames() const {
    const auto claimed = static_cast<std::int64_t>(capture_.get(cv::CAP_PROP_FRAME_COUNT));
    if (claimed > kNearTheEnd) {
      std::int64_t count = claimed - kNearTheEnd;
      if (capture_.set(cv::CAP_PROP_POS_FRAMES, static_cast<double>(count)) && capture_.grab()) {
        do ++count;
        while (count < claimed && capture_.grab());
        return count;
      }
      reopen();
    }
    std::int64_t count = 0;
    while (capture_.grab()) ++count;
    return count;
  }

  void seek(std::int64_t index) const {
    if (index < next_ || index > next_ + kNearTheEnd) {
      if (index < next_) reopen();
      if (index > kNearTheEnd && capture_.set(cv::CAP_PROP_POS_FRAMES, static_cast<double>(index)))
        next_ = index;
    }
    while (next_ < index && capture_.grab()) ++next_;
  }

  static constexpr std::int64_t kNearTheEnd = 30;

  fs::path file_;
  std::string name_;
  std::vector<std::string> no_names_;
  std::int64_t size_ = 0;
  mutable std::mutex mutex_;
  mutable cv::VideoCapture capture_;
  // The frame that the capture would read next.
  mutable std::int64_t next_ = 0;
};

class Camera final : public Dataset {
 public:
  explicit Camera(int number) : name_("camera:" + std::to_string(number)) {
    if (!open_quietly(capture_, number, cv::CAP_V4L2))
      throw Error(ErrorKind::kUnavailable, "cannot open " + name_ +
                                               " (is it plugged in, and may you read /dev/video" +
                                               std::to_string(number) + "?)");
  }

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return kEndless; }
  const std::vector<std::string>& class_names() const override { return no_names_; }
  std::int64_t label(std::int64_t) const override { return -1; }

  Sample get(std::int64_t index) const override {
    const std::lock_guard lock(mutex_);
    cv::Mat frame;
    if (!capture_.read(frame))
      throw Error(ErrorKind::kUnavailable, name_ + " gives no more frames");
    return frame_sample(frame, index);
  }

 private:
  std::string name_;
  std::vector<std::string> no_names_;
  mutable std::mutex mutex_;
  mutable cv::VideoCapture capture_;
};

}  // namespace

std::unique_ptr<Dataset> open_video(const fs::path& file) {
  if (!fs::exists(file)) throw Error(ErrorKind::kNotFound, "no such video: " + file.string());
  return std::make_unique<Video>(file);
}

std::unique_ptr<Dataset> open_camera(int number) { return std::make_unique<Camera>(number); }

}  // namespace isthmus
