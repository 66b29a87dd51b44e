#include "engine/difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/random_tensor.h"

namespace isthmus {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(TensorDifference, IsTheLargestDifferenceOverTheLargestValue) {
  const Tensor a = Tensor::of<float>({3}, {1, -4, 2});
  EXPECT_EQ(tensor_difference(a, a), 0);
  EXPECT_DOUBLE_EQ(tensor_difference(a, Tensor::of<float>({3}, {1, -4, 3})), 0.25);
  EXPECT_EQ(tensor_difference(Tensor::of<float>({1}, {0}), Tensor::of<float>({1}, {1})), kInfinity);
}

TEST(TensorDifference, IsInfiniteForWhatCannotBeCompared) {
  const Tensor a = Tensor::of<float>({2}, {1, 2});
  EXPECT_EQ(tensor_difference(a, Tensor::of<float>({1, 2}, {1, 2})), kInfinity);
  EXPECT_EQ(tensor_difference(a, Tensor::of<double>({2}, {1, 2})), kInfinity);
  EXPECT_EQ(tensor_difference(a, Tensor::of<float>({2}, {1, kNaN})), kInfinity);
  EXPECT_EQ(tensor_difference(a, Tensor::of<float>({2}, {1, static_cast<float>(kInfinity)})),
            kInfinity);
}

TEST(TensorDifference, TakesNaNAsEqualToNaN) {
  const Tensor a = Tensor::of<float>({2}, {2, kNaN});
  EXPECT_DOUBLE_EQ(tensor_difference(a, Tensor::of<float>({2}, {1, -kNaN})), 0.5);
}

TEST(TensorDifference, ComparesEveryElementType) {
  EXPECT_DOUBLE_EQ(
      tensor_difference(Tensor::of<std::int64_t>({1}, {4}), Tensor::of<std::int64_t>({1}, {3})),
      0.25);
  const auto half = [](std::uint16_t bits) {
    Tensor tensor(DType::kF16, {1});
    tensor.mutable_values<std::uint16_t>()[0] = bits;
    return tensor;
  };
  // 1.0 and 1.5.
  EXPECT_DOUBLE_EQ(tensor_difference(half(0x3C00), half(0x3E00)), 0.5);
  EXPECT_DOUBLE_EQ(as_doubles(half(0x0001))[0], std::ldexp(1.0, -24));
  EXPECT_DOUBLE_EQ(as_doubles(half(0xFBFF))[0], -65504);
}

TEST(Rows, ShareMemoryAndStackBack) {
  const Tensor whole = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor last = rows(whole, 2, 3);
  EXPECT_EQ(last.shape(), (Shape{1, 2}));
  EXPECT_EQ(last.bytes().data(), whole.bytes().data() + 16);
  const std::vector<Tensor> pieces = {rows(whole, 0, 2), last};
  EXPECT_EQ(tensor_difference(whole, stack_rows(pieces)), 0);
}

TEST(RandomTensor, RepeatsForASeedAndFitsItsType) {
  for (const DType type :
       {DType::kF32, DType::kF64, DType::kF16, DType::kBF16, DType::kU8, DType::kI64}) {
    SCOPED_TRACE(to_string(type));
    const Tensor a = random_tensor(type, {500}, 1);
    EXPECT_EQ(tensor_difference(a, random_tensor(type, {500}, 1)), 0);
    EXPECT_GT(tensor_difference(a, random_tensor(type, {500}, 2)), 0);
    for (const double value : as_doubles(a))
      EXPECT_LE(std::abs(value), type == DType::kU8 ? 255 : 6);
  }
}

}  // namespace
}  // namespace isthmus
