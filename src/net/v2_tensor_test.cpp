#include "net/v2_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "open_inference.pb.h"

namespace isthmus {
namespace {

TEST(V2Tensor, NamesEveryNumberTypeBothWays) {
  for (int value = 1; value <= 16; ++value) {
    const auto type = static_cast<DType>(value);
    if (byte_size(type) == 0) continue;
    EXPECT_EQ(dtype_from_v2(v2_datatype(type)), type);
  }
  EXPECT_EQ(v2_datatype(DType::kU8), "UINT8");
  EXPECT_EQ(v2_datatype(DType::kF32), "FP32");
  EXPECT_THROW(dtype_from_v2("BYTES"), Error);
  EXPECT_THROW(v2_datatype(DType::kString), Error);
}

TEST(V2Tensor, ReadsTypedContentsOfEveryWidth) {
  inference::InferTensorContents contents;
  contents.add_int_contents(-3);
  contents.add_uint_contents(200);
  contents.add_bool_contents(true);
  EXPECT_EQ(tensor_from_contents("t", DType::kI8, {1}, contents).values<std::int8_t>()[0], -3);
  EXPECT_EQ(tensor_from_contents("t", DType::kU8, {1}, contents).values<std::uint8_t>()[0], 200);
  EXPECT_TRUE(tensor_from_contents("t", DType::kBool, {1}, contents).values<bool>()[0]);
  EXPECT_THROW(tensor_from_contents("t", DType::kF32, {1}, contents), Error);
  EXPECT_THROW(tensor_from_contents("t", DType::kI8, {2}, contents), Error);
  EXPECT_THROW(tensor_from_contents("t", DType::kF16, {1}, contents), Error);
}

TEST(V2Tensor, SharesAlignedRawBytesAndCopiesOthers) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  const std::string_view raw(reinterpret_cast<const char*>(owner->data()), 12);
  const Tensor shared = tensor_from_raw("t", DType::kF32, {3}, raw, owner);
  EXPECT_EQ(static_cast<const void*>(shared.bytes().data()), owner->data());
  const Tensor shifted = tensor_from_raw("t", DType::kF32, {2}, raw.substr(1, 8), owner);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(shifted.bytes().data()) % 4, 0U);
  EXPECT_THROW(tensor_from_raw("t", DType::kF32, {2}, raw, owner), Error);
  EXPECT_THROW(tensor_from_raw("t", DType::kF32, {-1}, raw, owner), Error);
}

}  // namespace
}  // namespace isthmus
