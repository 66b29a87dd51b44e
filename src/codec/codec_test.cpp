#include "codec/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "core/rng.h"

namespace isthmus {
namespace {

using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor normal_tensor(const Shape& shape, std::uint64_t seed, double scale = 1) {
  Rng rng(seed);
  Tensor tensor(DType::kF32, shape);
  for (float& x : tensor.mutable_values<float>()) x = static_cast<float>(scale * rng.normal());
  return tensor;
}

std::unique_ptr<const Codec> codec(std::string_view name, CodecParameters parameters = {}) {
  return make_codec(codec_spec_from_string(name), std::move(parameters));
}

CodecParameters tables_learnt_from(const Tensor& sample, std::optional<ValueRange> range = {}) {
  return {.range = range,
          .tables = std::make_shared<RansTables>(learn_tables({&sample, 1}, {.range = range}))};
}

Tensor through(const Codec& codec, const Tensor& tensor) {
  return codec.decode(codec.encode(tensor).bytes(), tensor.dtype(), tensor.shape());
}

bool equal_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::ranges::equal(a.bytes(), b.bytes());
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    return error.what();
  }
  return "no error";
}

TEST(CodecSpec, ReadsWhatItPrints) {
  for (const char* name : {"f32", "f16", "u8", "u8+rans", "top:1", "top:65535", "raw", "jpeg:1",
                           "jpeg:100", "webp:75"})
    EXPECT_EQ(to_string(codec_spec_from_string(name)), name);
  EXPECT_EQ(codec_spec_from_string("jpeg:80"),
            (CodecSpec{.kind = CodecKind::kJpeg, .quality = 80}));
  EXPECT_EQ(codec_spec_from_string("top:5"), (CodecSpec{.kind = CodecKind::kTop, .count = 5}));
}

TEST(CodecSpec, SuggestsTheNearestName) {
  EXPECT_THAT(error_of([] { codec_spec_from_string("jpg:80"); }), HasSubstr("did you mean jpeg"));
  EXPECT_THAT(error_of([] { codec_spec_from_string("u8+ran"); }),
              HasSubstr("did you mean u8+rans"));
  EXPECT_THAT(error_of([] { codec_spec_from_string("zzzzzzzz"); }),
              HasSubstr("unknown codec: zzzzzzzz; there are f32, f16, u8, u8+rans, top:K"));
}

TEST(CodecSpec, RefusesNumbersThatDoNotFit) {
  for (const char* name : {"jpeg", "jpeg:", "jpeg:0", "jpeg:101", "jpeg:8x", "jpeg:-1", "webp:1e2",
                           "top:0", "top:65536", "top:99999999999999"})
    EXPECT_THAT(error_of([&] { codec_spec_from_string(name); }),
                HasSubstr("needs a number of 1 to"))
        << name;
  for (const char* name : {"", "u8:5", "f32:", ":5", "U8"})
    EXPECT_THAT(error_of([&] { codec_spec_from_string(name); }), HasSubstr("unknown codec"))
        << name;
}

TEST(MakeCodec, RefusesParametersThatDoNotFit) {
  EXPECT_THAT(error_of([] { codec("u8+rans"); }), HasSubstr("needs frequency tables"));
  EXPECT_THAT(error_of([] { codec("f16", {.range = ValueRange{0, 1}}); }), HasSubstr("no range"));
  EXPECT_THAT(error_of([] { codec("u8", {.range = ValueRange{1, 0}}); }), HasSubstr("range"));
  EXPECT_THAT(error_of([] { make_codec({.kind = CodecKind::kJpeg}); }), HasSubstr("number"));
  EXPECT_THAT(error_of([] { make_codec({.kind = static_cast<CodecKind>(99)}); }), HasSubstr("99"));
}

TEST(Codec, KeepsItsBounds) {
  const Tensor tensor = normal_tensor({1, 4, 7, 9}, 1);
  for (const char* name : {"f32", "f16", "u8", "u8+rans", "top:5", "raw"}) {
    SCOPED_TRACE(name);
    const auto coder = codec(
        name, std::string_view(name) == "u8+rans" ? tables_learnt_from(tensor) : CodecParameters{});
    const std::size_t bytes = coder->encode(tensor).size();
    EXPECT_LE(bytes, coder->max_payload_bytes(DType::kF32, tensor.shape()));
    if (const auto fixed = coder->fixed_payload_bytes(DType::kF32, tensor.shape())) {
      EXPECT_EQ(bytes, *fixed);
    } else {
      EXPECT_STREQ(name, "u8+rans");
    }
  }
}

TEST(Codec, RefusesPayloadsOfAnotherLength) {
  const Tensor tensor = normal_tensor({1, 3, 4}, 2);
  for (const char* name : {"f32", "f16", "u8", "top:5", "raw"}) {
    SCOPED_TRACE(name);
    const auto coder = codec(name);
    const Payload payload = coder->encode(tensor);
    std::vector<std::byte> bytes(payload.bytes().begin(), payload.bytes().end());
    bytes.push_back({});
    for (std::size_t count = 0; count <= bytes.size(); ++count)
      if (count != payload.size()) {
        EXPECT_THROW(coder->decode(std::span(bytes).first(count), DType::kF32, tensor.shape()),
                     Error);
      }
  }
}

TEST(Codec, RefusesTypesAndShapesItCannotCode) {
  const Tensor integers(DType::kI64, {4});
  for (const char* name : {"f32", "f16", "u8", "top:5"}) {
    EXPECT_THAT(error_of([&] { codec(name)->encode(integers); }), HasSubstr("not int64; use raw"));
    EXPECT_THROW(codec(name)->decode(integers.bytes(), DType::kI64, {4}), Error);
    EXPECT_THROW(codec(name)->decode({}, DType::kF32, {-1, 4}), Error);
    EXPECT_THROW(codec(name)->decode({}, DType::kF32, {1ll << 40, 1ll << 40}), Error);
  }
  EXPECT_THROW(codec("raw")->decode({}, DType::kString, {0}), Error);
}

TEST(F32Codec, EncodesWithoutACopy) {
  const Tensor tensor = normal_tensor({1, 8}, 3);
  for (const char* name : {"f32", "raw"}) {
    const Payload payload = codec(name)->encode(tensor);
    EXPECT_EQ(payload.bytes().data(), tensor.bytes().data());
  }
}

TEST(F32Codec, KeepsTheTensorOfAPayloadAlive) {
  Payload payload;
  {
    const Tensor tensor = normal_tensor({1000}, 4);
    payload = codec("f32")->encode(tensor);
  }
  EXPECT_TRUE(equal_bytes(codec("f32")->decode(payload.bytes(), DType::kF32, {1000}),
                          normal_tensor({1000}, 4)));
}

TEST(F32Codec, AdoptsSharedBytesThatAreAlignedAndCopiesOthers) {
  const Tensor tensor = normal_tensor({6}, 5);
  auto buffer = std::make_shared<std::vector<std::byte>>(64);
  for (const std::size_t offset : {0, 1, 2, 4, 7}) {
    const std::span<std::byte> at = std::span(*buffer).subspan(offset, 24);
    std::ranges::copy(tensor.bytes(), at.begin());
    const Tensor result = codec("f32")->decode_shared(at, buffer, DType::kF32, {6});
    EXPECT_TRUE(equal_bytes(result, tensor));
    EXPECT_EQ(result.bytes().data() == at.data(), offset % 4 == 0) << offset;
  }
  EXPECT_EQ(buffer.use_count(), 1);
}

TEST(RawCodec, CarriesEveryType) {
  for (const DType type : {DType::kU8, DType::kI64, DType::kF64, DType::kF16, DType::kBool}) {
    const Tensor tensor(type, {2, 3});
    EXPECT_TRUE(equal_bytes(through(*codec("raw"), tensor), tensor));
  }
  const std::byte two{2};
  EXPECT_THROW(codec("raw")->decode({&two, 1}, DType::kBool, {1}), Error);
}

TEST(HalfCodec, KeepsElevenBits) {
  const Tensor tensor = normal_tensor({1, 1000}, 6);
  const Tensor result = through(*codec("f16"), tensor);
  for (std::size_t i = 0; i < 1000; ++i)
    ASSERT_NEAR(result.values<float>()[i], tensor.values<float>()[i],
                std::abs(tensor.values<float>()[i]) / 2048 + 1e-7);
  // At an odd address too.
  const Payload payload = codec("f16")->encode(tensor);
  std::vector<std::byte> moved(payload.size() + 1);
  std::ranges::copy(payload.bytes(), moved.begin() + 1);
  EXPECT_TRUE(equal_bytes(codec("f16")->decode(std::span(moved).subspan(1), DType::kF32, {1, 1000}),
                          result));
}

TEST(U8Codec, ErrsByHalfAStepAtMost) {
  Rng rng(7);
  for (int i = 0; i < 200; ++i) {
    const double scale = std::pow(10, rng.uniform(-20, 20));
    const Tensor tensor =
        normal_tensor({1, static_cast<std::int64_t>(1 + rng.below(300))}, rng.bits(), scale);
    const Tensor result = through(*codec("u8"), tensor);
    const auto [low, high] = std::ranges::minmax(tensor.values<float>());
    const double step = (static_cast<double>(high) - low) / 255;
    for (std::size_t k = 0; k < tensor.values<float>().size(); ++k) {
      const double rounding = std::abs(static_cast<double>(result.values<float>()[k])) * 0x1p-24;
      ASSERT_LE(
          std::abs(static_cast<double>(result.values<float>()[k]) - tensor.values<float>()[k]),
          step / 2 * (1 + 1e-12) + rounding);
    }
  }
}

TEST(U8Codec, CarriesItsRangeOnlyWhereThePlanDoesNotHoldIt) {
  const Tensor tensor = normal_tensor({1, 100}, 8);
  EXPECT_EQ(codec("u8")->encode(tensor).size(), 108u);
  EXPECT_EQ(codec("u8", {.range = ValueRange{-4, 4}})->encode(tensor).size(), 100u);
}

TEST(U8Codec, ClampsToACalibratedRange) {
  const auto coder = codec("u8", {.range = ValueRange{0, 1}});
  const Tensor result = through(*coder, Tensor::of<float>({5}, {-3, 0, 0.5f, 7, kInfinity}));
  EXPECT_THAT(std::vector<float>(result.values<float>().begin(), result.values<float>().end()),
              ::testing::ElementsAre(0, 0, ::testing::FloatNear(0.5, 0.002), 1, 1));
}

TEST(U8Codec, RefusesWhatHasNoCode) {
  const Tensor nan = Tensor::of<float>({3}, {1, std::nanf(""), 2});
  const Tensor infinite = Tensor::of<float>({3}, {1, kInfinity, 2});
  for (const char* name : {"u8", "u8+rans"}) {
    const CodecParameters tables{.tables = std::make_shared<RansTables>(RansTables::uniform())};
    CodecParameters both = tables;
    both.range = ValueRange{0, 1};
    EXPECT_THAT(error_of([&] { codec(name, tables)->encode(nan); }), HasSubstr("element 1"));
    EXPECT_THAT(error_of([&] { codec(name, tables)->encode(infinite); }), HasSubstr("infinity"));
    EXPECT_THAT(error_of([&] { codec(name, both)->encode(nan); }), HasSubstr("NaN"));
    EXPECT_NO_THROW(codec(name, both)->encode(infinite));
  }
}

TEST(U8Codec, RefusesARangeThatCannotBe) {
  for (const auto& [low, high] :
       {std::pair{1.0f, 0.0f}, {std::nanf(""), 1.0f}, {0.0f, kInfinity}}) {
    std::vector<std::byte> payload(9);
    std::memcpy(payload.data(), &low, 4);
    std::memcpy(payload.data() + 4, &high, 4);
    EXPECT_THROW(codec("u8")->decode(payload, DType::kF32, {1}), Error);
  }
}

TEST(RansCodec, DecodesToWhatU8Decodes) {
  Rng rng(9);
  for (int i = 0; i < 100; ++i) {
    const Shape shape = {1, 1 + static_cast<std::int64_t>(rng.below(9)),
                         1 + static_cast<std::int64_t>(rng.below(30)),
                         1 + static_cast<std::int64_t>(rng.below(30))};
    std::optional<ValueRange> range;
    if (i % 2 == 0) range = ValueRange{-2, 2};
    const Tensor tensor = normal_tensor(shape, rng.bits());
    const auto coder = codec("u8+rans", tables_learnt_from(normal_tensor(shape, 1), range));
    const auto plain = codec("u8", {.range = range});
    ASSERT_TRUE(equal_bytes(through(*coder, tensor), through(*plain, tensor)));
    ASSERT_LE(coder->encode(tensor).size(), plain->encode(tensor).size() + 8);
  }
}

TEST(RansCodec, IsNeverLargerThanU8And8BytesUnderAnyTables) {
  const Tensor peaked = Tensor::of<float>({1000}, std::vector<float>(1000, 3.0f));
  const auto coder = codec("u8+rans", tables_learnt_from(peaked, ValueRange{0, 255}));
  for (const std::int64_t count : {0, 1, 7, 33, 1000, 5000}) {
    Tensor tensor(DType::kF32, {count});
    Rng rng(10);
    for (float& x : tensor.mutable_values<float>()) x = static_cast<float>(rng.uniform(0, 255));
    EXPECT_LE(coder->encode(tensor).size(), static_cast<std::size_t>(count) + 8);
    EXPECT_TRUE(equal_bytes(through(*coder, tensor),
                            through(*codec("u8", {.range = ValueRange{0, 255}}), tensor)));
  }
}

TEST(RansCodec, MakesSparseActivationsSmall) {
  Tensor tensor = normal_tensor({1, 8, 28, 28}, 11);
  for (float& x : tensor.mutable_values<float>()) x = std::max(0.0f, x - 1);
  const auto coder = codec("u8+rans", tables_learnt_from(tensor));
  EXPECT_LT(coder->encode(tensor).size(), static_cast<std::size_t>(tensor.size()) * 3 / 10);
}

TEST(RansCodec, RefusesTablesOfOtherChannels) {
  const auto coder = codec("u8+rans", tables_learnt_from(normal_tensor({1, 4, 5, 5}, 12)));
  EXPECT_THAT(error_of([&] { coder->encode(normal_tensor({1, 3, 5, 5}, 1)); }),
              HasSubstr("tables of 4 channels do not fit a tensor of 1x3x5x5"));
}

TEST(RansCodec, GivesATensorOrAnErrorForAnyDamage) {
  const Tensor tensor = normal_tensor({1, 3, 10, 10}, 13);
  const auto coder = codec("u8+rans", tables_learnt_from(tensor));
  const Payload payload = coder->encode(tensor);
  ASSERT_EQ(payload.bytes()[0], std::byte{1});
  std::vector<std::byte> bytes(payload.bytes().begin(), payload.bytes().end());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    try {
      EXPECT_EQ(coder->decode(bytes, DType::kF32, tensor.shape()).shape(), tensor.shape());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    }
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  for (std::size_t count = 0; count < bytes.size(); ++count)
    EXPECT_THROW(coder->decode(std::span(bytes).first(count), DType::kF32, tensor.shape()), Error);
}

TEST(TopCodec, KeepsTheLargestOfEveryRow) {
  const Tensor scores = Tensor::of<float>({2, 4}, {0.1f, 3, -1, 3, -kInfinity, -5, -4, -kInfinity});
  const Tensor result = through(*codec("top:2"), scores);
  EXPECT_THAT(std::vector<float>(result.values<float>().begin(), result.values<float>().end()),
              ::testing::ElementsAre(-kInfinity, 3, -kInfinity, 3, -kInfinity, -5, -4, -kInfinity));
  EXPECT_EQ(codec("top:2")->encode(scores).size(), 2u * 2 * 6);
}

TEST(TopCodec, KeepsEverythingOfAShortRow) {
  const Tensor scores = normal_tensor({3, 5}, 14);
  EXPECT_TRUE(equal_bytes(through(*codec("top:9"), scores), scores));
  EXPECT_TRUE(equal_bytes(through(*codec("top:9"), Tensor::scalar(2.0f)), Tensor::scalar(2.0f)));
}

TEST(TopCodec, IndexesLongRows) {
  Tensor scores(DType::kF32, {1, 70'000});
  scores.mutable_values<float>()[69'999] = 1;
  EXPECT_EQ(codec("top:1")->encode(scores).size(), 8u);
  EXPECT_EQ(argmax(through(*codec("top:1"), scores).values<float>()), 69'999u);
}

TEST(TopCodec, RefusesEntriesThatCannotBe) {
  const auto coder = codec("top:2");
  const auto payload = [](std::uint16_t a, float x, std::uint16_t b, float y) {
    std::vector<std::byte> bytes(12);
    std::memcpy(bytes.data(), &a, 2);
    std::memcpy(bytes.data() + 2, &x, 4);
    std::memcpy(bytes.data() + 6, &b, 2);
    std::memcpy(bytes.data() + 8, &y, 4);
    return bytes;
  };
  EXPECT_NO_THROW(coder->decode(payload(0, 1, 4, 1), DType::kF32, {5}));
  EXPECT_THROW(coder->decode(payload(0, 1, 5, 1), DType::kF32, {5}), Error);
  EXPECT_THROW(coder->decode(payload(3, 1, 3, 1), DType::kF32, {5}), Error);
  EXPECT_THROW(coder->decode(payload(0, 1, 1, std::nanf("")), DType::kF32, {5}), Error);
  EXPECT_THAT(error_of([&] { coder->encode(Tensor::scalar(std::nanf(""))); }), HasSubstr("NaN"));
}

}  // namespace
}  // namespace isthmus
