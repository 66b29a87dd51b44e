#include "lab/clips.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "data/image_file.h"
#include "data/preprocess.h"
#include "data/signs.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

const PlanInput kInput{.tensor = "input", .shape = {1, 3, 4, 24, 24}};

TEST(OpenClips, PutsEveryStrideThImageInItsPlace) {
  const ImageSet clips = open_clips("signs", kInput, {.stride = 3, .limit = 2});
  ASSERT_EQ(clips.count, 2);
  const Tensor clip = clips.get(1).image;
  EXPECT_EQ(clip.shape(), kInput.shape);
  const auto dataset = open_dataset("signs", Split::kTest);
  // The third image of the second clip.
  const Tensor image = prepare_image(dataset->get(12 + 2 * 3).image, {.width = 24, .height = 24});
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (const std::size_t pixel : {std::size_t{0}, std::size_t{300}})
      EXPECT_EQ(clip.values<float>()[(channel * 4 + 2) * 576 + pixel],
                image.values<float>()[channel * 576 + pixel]);
}

TEST(OpenClips, TakesTheImagesOfAFolderInOrder) {
  const TemporaryFolder folder;
  for (int i = 0; i < 9; ++i)
    write_image(folder.path() / fmt::format("frame{}.png", i), draw_sign(i % 4, 1));
  const ImageSet clips = open_clips(folder.path().string(), kInput, {.length = 4, .stride = 2});
  // A second clip would need 16 images.
  ASSERT_EQ(clips.count, 1);
  const Tensor clip = clips.get(0).image;
  for (const int place : {1, 3}) {
    const Tensor image = prepare_image(draw_sign(place * 2 % 4, 1), {.width = 24, .height = 24});
    EXPECT_EQ(clip.values<float>()[static_cast<std::size_t>(place) * 576 + 300],
              image.values<float>()[300])
        << place;
  }
}

TEST(OpenClips, SaysWhatDoesNotFit) {
  const auto failure = [](const PlanInput& input, const ClipOptions& options) {
    try {
      open_clips("signs", input, options);
      return std::string("none");
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(failure(kInput, {.length = 16}), HasSubstr("clips of 4 images, not 16"));
  EXPECT_THAT(failure(kInput, {.stride = 1'000'000}), HasSubstr("needs 4000000"));
  EXPECT_THAT(failure(PlanInput{.width = 24, .height = 24}, {}), HasSubstr("is no clip"));
}

}  // namespace
}  // namespace isthmus
