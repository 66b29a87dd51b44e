#include "codec/normalise.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"

namespace isthmus {
namespace {

Tensor two_pixels() {
  return Tensor::of<std::uint8_t>({1, 2, 3}, std::vector<std::uint8_t>{0, 51, 255, 255, 102, 0});
}

TEST(Normalise, ScalesAndSeparatesTheChannels) {
  const Tensor result = normalise(two_pixels(), {});
  EXPECT_EQ(result.shape(), (Shape{1, 3, 1, 2}));
  const std::vector<float> expected = {0, 1, 0.2F, 0.4F, 1, 0};
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_FLOAT_EQ(result.values<float>()[i], expected[i]) << i;
}

TEST(Normalise, TakesMeanAndDeviationPerChannel) {
  const Tensor result = normalise(
      two_pixels(), {.scale = 1.0F / 255, .mean = {0.5F, 0.2F, 0}, .std = {0.5F, 0.1F, 2}});
  const std::vector<float> expected = {-1, 1, 0, 2, 0.5F, 0};
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(result.values<float>()[i], expected[i], 1e-6) << i;
}

TEST(Normalise, TakesABatchOfOne) {
  EXPECT_EQ(normalise(two_pixels().reshaped({1, 1, 2, 3}), {}).shape(), (Shape{1, 3, 1, 2}));
}

TEST(Normalise, RefusesWhatIsNoImage) {
  EXPECT_THROW(normalise(Tensor(DType::kF32, {2, 2, 3}), {}), Error);
  EXPECT_THROW(normalise(Tensor(DType::kU8, {2, 2, 4}), {}), Error);
  EXPECT_THROW(normalise(Tensor(DType::kU8, {2, 2, 2, 3}), {}), Error);
  EXPECT_THROW(normalise(two_pixels(), {.std = {1, 0, 1}}), Error);
}

}  // namespace
}  // namespace isthmus
