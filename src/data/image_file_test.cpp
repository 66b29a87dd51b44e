#include "data/image_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "core/file.h"
#include "data/signs.h"

namespace isthmus {
namespace {

TEST(ImageFile, PngAndBmpAreExact) {
  const TemporaryFolder folder;
  const Tensor image = draw_sign(3, 1);
  for (const char* name : {"a.png", "A.BMP", "a.ppm"}) {
    SCOPED_TRACE(name);
    write_image(folder.path() / name, image);
    const Tensor read = read_image(folder.path() / name);
    EXPECT_EQ(read.shape(), image.shape());
    EXPECT_TRUE(std::ranges::equal(read.bytes(), image.bytes()));
  }
}

TEST(ImageFile, JpegAndWebpAreClose) {
  const TemporaryFolder folder;
  const Tensor image = draw_sign(3, 1);
  for (const char* name : {"a.jpg", "a.webp"}) {
    SCOPED_TRACE(name);
    write_image(folder.path() / name, image);
    const Tensor read = read_image(folder.path() / name);
    ASSERT_EQ(read.shape(), image.shape());
    double difference = 0;
    for (std::size_t i = 0; i < read.bytes().size(); ++i)
      difference += std::abs(read.values<std::uint8_t>()[i] - image.values<std::uint8_t>()[i]);
    EXPECT_LT(difference / static_cast<double>(image.size()), 8);
  }
}

TEST(ImageFile, NamesADamagedFile) {
  const TemporaryFolder folder;
  for (const char* name : {"whole.jpg", "whole.png"})
    write_image(folder.path() / name, draw_sign(3, 1));
  const std::string jpeg = read_file(folder.path() / "whole.jpg");
  const std::string png = read_file(folder.path() / "whole.png");
  write_file(folder.path() / "cut.jpg", jpeg.substr(0, jpeg.size() / 2));
  write_file(folder.path() / "cut.png", png.substr(0, 40));
  write_file(folder.path() / "empty.jpg", "");
  write_file(folder.path() / "text.png", "not a picture");
  for (const char* name : {"cut.jpg", "cut.png", "empty.jpg", "text.png"}) {
    SCOPED_TRACE(name);
    try {
      read_image(folder.path() / name);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(read_image(folder.path() / "none.jpg"), Error);
  EXPECT_THROW(write_image(folder.path() / "a.txt", draw_sign(0, 0)), Error);
}

TEST(ImageFile, IsToldByItsName) {
  EXPECT_TRUE(is_image_name("a/b.JPG"));
  EXPECT_FALSE(is_image_name("a.mp4"));
  EXPECT_TRUE(is_video_name("a.MP4"));
}

}  // namespace
}  // namespace isthmus
