#include "codec/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "codec/codec.h"
#include "core/error.h"
#include "core/rng.h"

namespace isthmus {
namespace {

using ::testing::HasSubstr;

// A smooth picture, which every codec keeps within a few grey levels.
Tensor picture(std::int64_t height, std::int64_t width) {
  Tensor image(DType::kU8, {height, width, 3});
  const auto pixels = image.mutable_values<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (std::int64_t c = 0; c < 3; ++c)
        pixels[static_cast<std::size_t>((y * width + x) * 3 + c)] =
            static_cast<std::uint8_t>((y * (c + 1) + x * (3 - c)) * 60 / (height + width) + 20 * c);
  return image;
}

double mean_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double sum = 0;
  for (std::size_t i = 0; i < a.bytes().size(); ++i)
    sum += std::abs(a.values<std::uint8_t>()[i] - b.values<std::uint8_t>()[i]);
  return sum / static_cast<double>(a.bytes().size());
}

std::unique_ptr<const Codec> codec(std::string_view name) {
  return make_codec(codec_spec_from_string(name));
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

TEST(ImageCodec, KeepsASmoothPicture) {
  for (const char* name : {"jpeg:90", "webp:90", "jpeg:1", "webp:1"})
    for (const Tensor& image : {picture(48, 64), picture(33, 17), picture(1, 1)}) {
      SCOPED_TRACE(std::string(name) + ' ' + to_string(image.shape()));
      const auto coder = codec(name);
      const Payload payload = coder->encode(image);
      EXPECT_LE(payload.size(), coder->max_payload_bytes(DType::kU8, image.shape()));
      const Tensor result = coder->decode(payload.bytes(), DType::kU8, image.shape());
      EXPECT_LT(mean_difference(image, result), std::string_view(name).ends_with("90") ? 4 : 40);
    }
}

TEST(ImageCodec, KeepsTheOrderOfColours) {
  Tensor red(DType::kU8, {32, 32, 3});
  for (std::size_t i = 0; i < red.bytes().size(); i += 3)
    red.mutable_values<std::uint8_t>()[i] = 200;
  for (const char* name : {"jpeg:95", "webp:95"}) {
    const auto bytes = codec(name)->encode(red);
    const Tensor result = decode_image(bytes.bytes());
    EXPECT_NEAR(result.values<std::uint8_t>()[0], 200, 8) << name;
    EXPECT_NEAR(result.values<std::uint8_t>()[2], 0, 8) << name;
  }
}

TEST(ImageCodec, IsSmallerAtLowerQuality) {
  Tensor noise(DType::kU8, {64, 64, 3});
  Rng rng(1);
  for (auto& x : noise.mutable_values<std::uint8_t>()) x = static_cast<std::uint8_t>(rng.bits());
  for (const std::string name : {"jpeg:", "webp:"}) {
    EXPECT_LT(codec(name + "20")->encode(noise).size(), codec(name + "95")->encode(noise).size());
    EXPECT_LE(codec(name + "100")->encode(noise).size(),
              codec(name + "100")->max_payload_bytes(DType::kU8, noise.shape()));
  }
}

TEST(ImageCodec, TakesABatchOfOne) {
  const Tensor image = picture(20, 30).reshaped({1, 20, 30, 3});
  for (const char* name : {"jpeg:80", "webp:80"}) {
    const Payload payload = codec(name)->encode(image);
    EXPECT_EQ(codec(name)->decode(payload.bytes(), DType::kU8, {1, 20, 30, 3}).shape(),
              image.shape());
    EXPECT_EQ(codec(name)->decode(payload.bytes(), DType::kU8, {1, -1, -1, 3}).shape(),
              image.shape());
  }
}

TEST(ImageCodec, RefusesAnImageOfTheWrongShape) {
  for (const char* name : {"jpeg:80", "webp:80"}) {
    const auto coder = codec(name);
    const Payload payload = coder->encode(picture(20, 30));
    EXPECT_THAT(error_of([&] { coder->decode(payload.bytes(), DType::kU8, {30, 20, 3}); }),
                HasSubstr("image has the wrong shape: 20x30x3 instead of 30x20x3"));
    EXPECT_THROW(coder->decode(payload.bytes(), DType::kU8, {20, 30}), Error);
    EXPECT_THROW(coder->decode(payload.bytes(), DType::kF32, {20, 30, 3}), Error);
  }
}

TEST(ImageCodec, RefusesTensorsThatAreNoImages) {
  for (const Tensor& tensor :
       {Tensor(DType::kF32, {4, 4, 3}), Tensor(DType::kU8, {3, 4, 4}), Tensor(DType::kU8, {48}),
        Tensor(DType::kU8, {2, 4, 4, 3}), Tensor(DType::kU8, {0, 4, 3})})
    for (const char* name : {"jpeg:80", "webp:80"})
      EXPECT_THROW(codec(name)->encode(tensor), Error) << to_string(tensor.shape());
  EXPECT_THROW(encode_webp(Tensor(DType::kU8, {1, 16384, 3}), 5), Error);
  EXPECT_THROW(encode_jpeg(Tensor(DType::kU8, {1, 65501, 3}), 5), Error);
}

TEST(ImageCodec, RefusesEveryTruncation) {
  for (const char* name : {"jpeg:80", "webp:80"}) {
    const Payload payload = codec(name)->encode(picture(24, 24));
    // The last bytes of a JPEG are its end marker, those of a WebP may be padding.
    for (std::size_t count = 0; count + 3 < payload.size(); ++count)
      ASSERT_THROW(codec(name)->decode(payload.bytes().first(count), DType::kU8, {24, 24, 3}),
                   Error)
          << name << ' ' << count;
  }
}

TEST(ImageCodec, GivesAnImageOrAnErrorForAnyDamage) {
  Rng rng(2);
  for (const char* name : {"jpeg:50", "webp:50"}) {
    const Payload payload = codec(name)->encode(picture(24, 24));
    for (int i = 0; i < 2000; ++i) {
      std::vector<std::byte> bytes(payload.bytes().begin(), payload.bytes().end());
      for (std::uint64_t k = 0; k <= rng.below(4); ++k)
        bytes[rng.below(bytes.size())] = static_cast<std::byte>(rng.bits());
      try {
        EXPECT_EQ(codec(name)->decode(bytes, DType::kU8, {24, 24, 3}).shape(), (Shape{24, 24, 3}));
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
      }
    }
  }
}

TEST(DecodeImage, TellsFormatsApart) {
  EXPECT_EQ(decode_image(encode_jpeg(picture(10, 20), 80)).shape(), (Shape{10, 20, 3}));
  EXPECT_EQ(decode_image(encode_webp(picture(10, 20), 80)).shape(), (Shape{10, 20, 3}));
  EXPECT_EQ(jpeg_size(encode_jpeg(picture(10, 20), 80)), (ImageSize{10, 20}));
  EXPECT_EQ(webp_size(encode_webp(picture(10, 20), 80)), (ImageSize{10, 20}));
  const std::string text = "\x89PNG\r\n\x1a\n and more of it";
  EXPECT_THAT(error_of([&] { decode_image(std::as_bytes(std::span(text))); }),
              HasSubstr("neither a JPEG nor a WebP"));
  EXPECT_THROW(decode_image({}), Error);
}

TEST(DecodeImage, RefusesAPictureThatWouldFillTheMemory) {
  auto bytes = encode_jpeg(picture(8, 8), 50);
  // Height and width in the frame header (SOF0).
  for (std::size_t i = 0; i + 9 < bytes.size(); ++i)
    if (bytes[i] == std::byte{0xff} && bytes[i + 1] == std::byte{0xc0})
      bytes[i + 5] = bytes[i + 7] = std::byte{0xff};
  EXPECT_THAT(error_of([&] { decode_image(bytes); }), HasSubstr("too many pixels"));
}

TEST(JpegTables, AreLeftOut) {
  const auto bytes = encode_jpeg(picture(64, 64), 80);
  // Two quantization tables of 64 bytes; the standard Huffman tables, two of 12 and two of 162
  // codes.
  const std::size_t tables = 2 * (4 + 65) + 2 * (4 + 17 + 12) + 2 * (4 + 17 + 162);
  EXPECT_EQ(jpeg_bytes_without_tables(bytes), bytes.size() - tables);
  for (std::size_t count = 0; count < bytes.size(); ++count)
    EXPECT_THROW(jpeg_bytes_without_tables(std::span(bytes).first(count)), Error);
}

}  // namespace
}  // namespace isthmus
