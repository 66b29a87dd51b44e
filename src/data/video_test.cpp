#include "data/video.h"

#include <gtest/gtest.h>

#include <opencv2/videoio.hpp>

#include "core/error.h"
#include "core/file.h"

namespace isthmus {
namespace {

// Frame i is grey of brightness 2 i.
bool write_video(const std::filesystem::path& file, int frames) {
  cv::VideoWriter writer(file.string(), cv::CAP_OPENCV_MJPEG,
                         cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 10, cv::Size(64, 48));
  if (!writer.isOpened()) return false;
  for (int i = 0; i < frames; ++i) writer.write(cv::Mat(48, 64, CV_8UC3, cv::Scalar::all(2 * i)));
  return true;
}

int brightness(const Sample& sample) { return sample.image.values<std::uint8_t>()[0]; }

TEST(Video, GivesItsFramesInAnyOrder) {
  const TemporaryFolder folder;
  for (const int frames : {3, 90}) {
    SCOPED_TRACE(frames);
    if (!write_video(folder.path() / "a.avi", frames)) GTEST_SKIP() << "no MJPEG writer in OpenCV";
    const auto video = open_video(folder.path() / "a.avi");
    ASSERT_EQ(video->size(), frames);
    EXPECT_EQ(video->get(0).image.shape(), (Shape{48, 64, 3}));
    for (const int index : {0, 1, frames - 1, 2, frames / 2}) {
      const Sample sample = video->get(index);
      EXPECT_NEAR(brightness(sample), 2 * index, 1);
      EXPECT_EQ(sample.label, -1);
      EXPECT_EQ(sample.id, "frame " + std::to_string(index));
    }
  }
}

TEST(Video, RefusesWhatIsNone) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a.mp4", "no video");
  EXPECT_THROW(open_video(folder.path() / "a.mp4"), Error);
  EXPECT_THROW(open_video(folder.path() / "b.mp4"), Error);
}

}  // namespace
}  // namespace isthmus
