#include "core/deflate.h"

#include <gtest/gtest.h>

#include "core/rng.h"

namespace isthmus {
namespace {

TEST(DeflatedSize, IsSmallForRepetition) {
  const std::vector<std::byte> zeros(100'000);
  EXPECT_LT(deflated_size(zeros), 200U);
}

TEST(DeflatedSize, GainsNothingOnNoise) {
  Rng rng(1);
  std::vector<std::byte> noise(100'000);
  for (std::byte& byte : noise) byte = static_cast<std::byte>(rng.bits());
  EXPECT_GE(deflated_size(noise), noise.size());
}

}  // namespace
}  // namespace isthmus
