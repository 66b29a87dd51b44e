#include "train/torch_batch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/signs.h"
#include "train/mixed_precision.h"

namespace isthmus {
namespace {

const Normalization kNormalization{
    .scale = 1.0F / 255, .mean = {0.4F, 0.5F, 0.6F}, .std = {0.2F, 0.25F, 0.3F}};

ImagePool small_pool() {
  const std::vector<std::int64_t> indices = {0, 1, 2, 3};
  const Preprocess size{.width = 12, .height = 10, .resize = 0, .normalization = {}};
  return ImagePool(*make_signs(Split::kTrain, 8), indices, size, 1);
}

TEST(BatchMaker, NormalisesAsTheProductDoes) {
  const ImagePool pool = small_pool();
  const BatchMaker batches(pool, {}, kNormalization, torch::kCPU);
  const torch::Tensor batch = batches.images(std::vector<std::int64_t>{2, 0});
  EXPECT_EQ(batch.sizes(), (std::vector<std::int64_t>{2, 3, 10, 12}));
  EXPECT_TRUE(batch.is_contiguous(at::MemoryFormat::ChannelsLast));
  const Tensor image = Tensor::of<std::uint8_t>({10, 12, 3}, pool.image(2));
  const Tensor expected = normalise(image, kNormalization);
  const torch::Tensor first = batch[0].contiguous();
  for (std::int64_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(first.data_ptr<float>()[i], expected.values<float>()[static_cast<std::size_t>(i)],
                1e-5);
  EXPECT_EQ(batches.labels(std::vector<std::int64_t>{2, 0})[0].item<std::int64_t>(), pool.label(2));
}

TEST(BatchMaker, VariesAnImageByItsIndexSeedAndEpoch) {
  const ImagePool pool = small_pool();
  const BatchMaker batches(pool, {.padding = 3, .flip = true}, kNormalization, torch::kCPU);
  EXPECT_TRUE(batches.augments());
  const std::vector<std::int64_t> all = {0, 1, 2, 3};
  const torch::Tensor batch = batches.augmented(all, 1, 5);
  EXPECT_TRUE(batch[3].equal(batches.augmented(std::vector<std::int64_t>{3}, 1, 5)[0]));
  EXPECT_FALSE(batch.equal(batches.augmented(all, 1, 6)));
  EXPECT_FALSE(batch.equal(batches.augmented(all, 2, 5)));
  EXPECT_FALSE(batch.equal(batches.images(all)));
}

TEST(MixedPrecision, LastsAsLongAsItsScope) {
  const torch::Tensor a = torch::rand({4, 4});
  {
    const MixedPrecision mixed(true, torch::kCPU);
    const auto inside = computes_well_in_bf16(torch::kCPU) ? torch::kBFloat16 : torch::kFloat;
    EXPECT_EQ(at::matmul(a, a).scalar_type(), inside);
  }
  EXPECT_EQ(at::matmul(a, a).scalar_type(), torch::kFloat);
  const MixedPrecision off(false, torch::kCPU);
  EXPECT_EQ(at::matmul(a, a).scalar_type(), torch::kFloat);
}

}  // namespace
}  // namespace isthmus
