#include "core/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"

namespace isthmus {
namespace {

TEST(Shape, CountsElementsAndRefusesWhatHasNoCount) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(element_count({2, 0, 4}), 0);
  EXPECT_THROW(element_count({-1, 3}), Error);
  EXPECT_THROW(element_count({std::int64_t{1} << 40, std::int64_t{1} << 40}), Error);
}

TEST(Shape, IsPrintedWithUnknownExtents) {
  EXPECT_EQ(to_string(Shape{-1, 3, 224, 224}), "?x3x224x224");
  EXPECT_EQ(to_string(Shape{}), "scalar");
}

TEST(DType, NamesAreReadBack) {
  for (const DType type : {DType::kF32, DType::kU8, DType::kI64, DType::kF16, DType::kBool})
    EXPECT_EQ(dtype_from_string(to_string(type)), type);
  EXPECT_THROW(dtype_from_string("float33"), Error);
}

TEST(Tensor, StartsZeroedAndAligned) {
  const Tensor tensor(DType::kF32, {3, 5});
  EXPECT_EQ(tensor.size(), 15);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.bytes().data()) % 64, 0U);
  for (const float value : tensor.values<float>()) EXPECT_EQ(value, 0);
}

TEST(Tensor, RefusesImpossibleShapes) {
  EXPECT_THROW(Tensor(DType::kString, {1}), Error);
  EXPECT_THROW(Tensor(DType::kF32, {-1}), Error);
  EXPECT_THROW(Tensor(DType::kF64, {std::int64_t{1} << 62}), Error);
}

TEST(Tensor, CopiesShareTheirBytes) {
  const Tensor first = Tensor::of<float>({2}, std::vector<float>{1, 2});
  const Tensor second = first;
  EXPECT_EQ(first.bytes().data(), second.bytes().data());
  EXPECT_EQ(first.reshaped({1, 2}).bytes().data(), first.bytes().data());
  EXPECT_THROW(first.reshaped({3}), Error);
}

TEST(Tensor, KeepsTheOwnerOfAdoptedMemory) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  const std::weak_ptr<std::vector<float>> watch = owner;
  {
    const Tensor tensor =
        Tensor::adopt(DType::kF32, {2, 2}, std::as_bytes(std::span(*owner)), owner);
    owner.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(tensor.values<float>()[3], 4);
  }
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, AdoptsOnlyTheRightNumberOfBytes) {
  const std::vector<std::byte> bytes(15);
  EXPECT_THROW(Tensor::adopt(DType::kF32, {4}, bytes, nullptr), Error);
  EXPECT_THROW(Tensor::adopt(DType::kF32, {3}, bytes, nullptr), Error);
  EXPECT_EQ(Tensor::adopt(DType::kU8, {15}, bytes, nullptr).size(), 15);
}

TEST(Tensor, SlicesAnyAxis) {
  const Tensor tensor = Tensor::of<std::int64_t>({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const auto values = [](const Tensor& piece) {
    return std::vector<std::int64_t>(piece.values<std::int64_t>().begin(),
                                     piece.values<std::int64_t>().end());
  };
  EXPECT_EQ(values(tensor.slice(0, 1, 2)), (std::vector<std::int64_t>{6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(values(tensor.slice(1, 1, 3)), (std::vector<std::int64_t>{2, 3, 4, 5, 8, 9, 10, 11}));
  EXPECT_EQ(values(tensor.slice(2, 0, 1)), (std::vector<std::int64_t>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(tensor.slice(1, 2, 2).shape(), (Shape{2, 0, 2}));
  EXPECT_THROW(tensor.slice(3, 0, 1), Error);
  EXPECT_THROW(tensor.slice(1, 2, 4), Error);
}

TEST(Tensor, SharesASliceOfTheFirstAxis) {
  const Tensor tensor = Tensor::of<float>({4, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(tensor.slice(0, 1, 3).bytes().data(), tensor.bytes().data() + 2 * sizeof(float));
}

TEST(MaxRelativeDifference, IsRelativeToTheLargestOfTheFirst) {
  const auto row = [](std::vector<float> values) { return Tensor::of<float>({2}, values); };
  EXPECT_DOUBLE_EQ(max_relative_difference(row({4, 0}), row({4, 1})), 0.25);
  EXPECT_EQ(max_relative_difference(row({0, 0}), row({0, 0})), 0);
  EXPECT_TRUE(std::isinf(max_relative_difference(row({1, 0}), row({NAN, 0}))));
  EXPECT_THROW(max_relative_difference(row({1, 0}), Tensor(DType::kF32, {3})), Error);
}

TEST(Argmax, IsTheFirstOfEquals) { EXPECT_EQ(argmax(std::vector<float>{0, 3, 1, 3}), 1U); }

}  // namespace
}  // namespace isthmus
