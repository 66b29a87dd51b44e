#include "lab/frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

using testing::HasSubstr;

TEST(OpenFrames, RandomOnesSuitEveryNetwork) {
  const PlanInput image{.width = 24, .height = 16, .tensor = "x", .shape = {1, 3, 16, 24}};
  const PlanInput feature{.tensor = "x", .shape = {1, 64, 4, 6, 6}};
  const ImageSet images = open_frames("random", image, {.limit = 3});
  EXPECT_EQ(images.count, 3);
  EXPECT_EQ(images.get(0).image.shape(), Shape({16, 24, 3}));
  EXPECT_EQ(images.get(0).image.dtype(), DType::kU8);
  const ImageSet features = open_frames("random", feature, {});
  EXPECT_EQ(features.count, kEndless);
  EXPECT_EQ(features.get(7).image.shape(), feature.shape);
  EXPECT_NE(features.get(7).image.values<float>()[0], features.get(8).image.values<float>()[0]);
  EXPECT_EQ(features.get(7).image.values<float>()[0], features.get(7).image.values<float>()[0]);
}

TEST(OpenFrames, ANetworkOfNeitherImageNorClipTakesOnlyThem) {
  try {
    open_frames("signs", {.tensor = "x", .shape = {1, 64, 6, 6}}, {});
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_THAT(error.what(), HasSubstr("\"random\""));
  }
}

TEST(FrameInputs, AreWhatTheGraphTakes) {
  GraphBuilder dense("dense", {.seed = 1});
  dense.output(dense.gemm(dense.input("x", {-1, 12}), 5, "y"));
  const InputSource inputs = frame_inputs(dense.build(), "zoo:dense", "random", 2);
  ASSERT_TRUE(inputs(1));
  EXPECT_EQ(inputs(1)->front().shape(), Shape({1, 12}));
  EXPECT_FALSE(inputs(2));
  GraphBuilder net("net", {.seed = 1});
  net.output(net.conv(net.input("x", {-1, 3, 32, 32}), 4, {.kernel = {3}}));
  EXPECT_EQ(frame_inputs(net.build(), "zoo:net", "signs", 1)(0)->front().shape(),
            Shape({1, 3, 32, 32}));
}

}  // namespace
}  // namespace isthmus
