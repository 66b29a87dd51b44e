#include "data/preprocess.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace isthmus {
namespace {

// Red is the column, green the row.
Tensor gradient(std::int64_t height, std::int64_t width) {
  Tensor image(DType::kU8, {height, width, 3});
  auto out = image.mutable_values<std::uint8_t>().begin();
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) {
      *out++ = static_cast<std::uint8_t>(x);
      *out++ = static_cast<std::uint8_t>(y);
      *out++ = 0;
    }
  return image;
}

struct Corner {
  int column;
  int row;
};
Corner first_pixel(const Tensor& image) {
  return {image.values<std::uint8_t>()[0], image.values<std::uint8_t>()[1]};
}

TEST(FitImage, LeavesAnImageOfTheRightSizeAlone) {
  const Tensor image = gradient(32, 32);
  EXPECT_EQ(fit_image(image, {.width = 32, .height = 32}).bytes().data(), image.bytes().data());
}

TEST(FitImage, OnlyCropsWhatIsALittleLarger) {
  const Tensor fitted = fit_image(gradient(227, 227), {.width = 224, .height = 224});
  EXPECT_EQ(fitted.shape(), (Shape{224, 224, 3}));
  EXPECT_EQ(first_pixel(fitted).column, 1);
  EXPECT_EQ(first_pixel(fitted).row, 1);
}

TEST(FitImage, ShrinksTheShortSideAndCropsTheMiddle) {
  struct Case {
    const char* name;
    Shape from;
    Preprocess to;
    Corner corner;
  };
  // The corner is what the crop cuts off, times the factor of the shrinking.
  for (const Case& c :
       {Case{"ImageNet", {200, 250, 3}, {.width = 160, .height = 160}, {37, 12}},
        Case{"small input has no margin", {64, 96, 3}, {.width = 32, .height = 32}, {16, 0}},
        Case{"own rule", {64, 64, 3}, {.width = 32, .height = 32, .resize = 40}, {6, 6}},
        Case{"not square", {100, 240, 3}, {.width = 100, .height = 50}, {20, 0}}}) {
    SCOPED_TRACE(c.name);
    const Tensor fitted = fit_image(gradient(c.from[0], c.from[1]), c.to);
    EXPECT_EQ(fitted.shape(), (Shape{c.to.height, c.to.width, 3}));
    EXPECT_NEAR(first_pixel(fitted).column, c.corner.column, 1);
    EXPECT_NEAR(first_pixel(fitted).row, c.corner.row, 1);
  }
}

TEST(FitImage, EnlargesWhatIsSmaller) {
  EXPECT_EQ(fit_image(gradient(32, 48), {.width = 224, .height = 224}).shape(),
            (Shape{224, 224, 3}));
  EXPECT_EQ(fit_image(gradient(1, 200), {.width = 33, .height = 47}).shape(), (Shape{47, 33, 3}));
}

TEST(PreprocessFor, TakesTheSizeFromCardOrNetwork) {
  EXPECT_EQ(preprocess_for({}, {-1, 3, 96, 64}).width, 64);
  EXPECT_EQ(preprocess_for({.width = 227, .height = 227}, {-1, 3, -1, -1}).height, 227);
  EXPECT_THROW(preprocess_for({}, {-1, 3, -1, -1}), Error);
  EXPECT_THROW(preprocess_for({.width = 227, .height = 227}, {1, 3, 224, 224}), Error);
  EXPECT_THROW(preprocess_for({}, {1, 1, 28, 28}), Error);
  EXPECT_THROW(preprocess_for({}, {1, 10}), Error);
}

TEST(PrepareImage, GivesTheNetworksInput) {
  const Tensor input = prepare_image(gradient(64, 64), {.width = 32, .height = 32});
  EXPECT_EQ(input.dtype(), DType::kF32);
  EXPECT_EQ(input.shape(), (Shape{1, 3, 32, 32}));
}

}  // namespace
}  // namespace isthmus
