// Payloads that every version on every machine must write, and read, exactly so (tests/data/codec).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "codec/codec.h"
#include "codec/frame.h"
#include "core/file.h"
#include "core/rng.h"

namespace isthmus {
namespace {

const Shape kShape = {1, 6, 9, 11};
constexpr ValueRange kRange{-1.25f, 4.5f};

struct Vector {
  const char* name;
  const char* codec;
  bool calibrated = false;
};
const Vector kVectors[] = {{"f16", "f16"},
                           {"u8", "u8"},
                           {"u8_range", "u8", true},
                           {"u8+rans", "u8+rans"},
                           {"u8+rans_range", "u8+rans", true},
                           {"top5", "top:5"}};

std::filesystem::path folder() {
  const char* source = std::getenv("ISTHMUS_SOURCE");
  return std::filesystem::path(source != nullptr ? source : ".") / "tests/data/codec";
}

std::vector<std::byte> bytes_of(const std::string& name) {
  const std::string content = read_file(folder() / name);
  const auto bytes = std::as_bytes(std::span(content));
  return {bytes.begin(), bytes.end()};
}

Tensor tensor_of(const std::string& name) {
  const auto bytes = bytes_of(name);
  return make_codec({.kind = CodecKind::kF32})->decode(bytes, DType::kF32, kShape);
}

std::unique_ptr<const Codec> codec_of(const Vector& vector) {
  CodecParameters parameters;
  if (vector.calibrated) parameters.range = kRange;
  parameters.tables = std::make_shared<RansTables>(RansTables::parse(bytes_of("tables.rans")));
  return make_codec(codec_spec_from_string(vector.codec), parameters);
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte b : bytes) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

TEST(GoldenVectors, AreWhatIsEncoded) {
  const Tensor input = tensor_of("input.f32");
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(vector.name);
    EXPECT_TRUE(std::ranges::equal(codec_of(vector)->encode(input).bytes(),
                                   bytes_of(std::string(vector.name) + ".payload")));
  }
}

TEST(GoldenVectors, AreDecodedToTheBit) {
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(vector.name);
    const auto payload = bytes_of(std::string(vector.name) + ".payload");
    EXPECT_TRUE(std::ranges::equal(codec_of(vector)->decode(payload, DType::kF32, kShape).bytes(),
                                   bytes_of(std::string(vector.name) + ".f32")));
  }
}

TEST(GoldenVectors, HoldTheFrameOfTheDocumentation) {
  const std::string text = "isthmus";
  const auto frame = write_frame({.type = FrameType::kTensor,
                                  .flags = 0,
                                  .key = {.source = 1, .frame = 7, .attempt = 0, .epoch = 2},
                                  .edge = 3,
                                  .budget_us = 100'000,
                                  .route = {1, 200}},
                                 std::as_bytes(std::span(text)));
  EXPECT_EQ(hex(frame),
            "110001000700000000020200"
            "03002000a086010007000000"
            "94d073f4"
            "01c80100"
            "697374686d7573");
}

// For a new version of a format only: --gtest_also_run_disabled_tests. A payload that changes
// breaks every agent of another version.
TEST(GoldenVectors, DISABLED_WriteAnew) {
  Rng rng(20261121);
  Tensor input(DType::kF32, kShape);
  const auto numbers = input.mutable_values<float>();
  // Quotients of whole numbers, for ties and for no dependence on a library's logarithm.
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = (static_cast<float>(rng.below(512) + rng.below(512)) - 300.0f) /
                 (i / 99 % 2 == 0 ? 64.0f : 1000.0f);
  write_file(folder() / "input.f32", input.bytes());
  const RansTables tables = learn_tables({&input, 1}, {.max_groups = 3});
  write_file(folder() / "tables.rans", std::span<const std::byte>(tables.serialize()));
  for (const Vector& vector : kVectors) {
    const auto codec = codec_of(vector);
    const Payload payload = codec->encode(input);
    const std::string name = vector.name;
    write_file(folder() / (name + ".payload"), payload.bytes());
    write_file(folder() / (name + ".f32"),
               codec->decode(payload.bytes(), DType::kF32, kShape).bytes());
  }
}

}  // namespace
}  // namespace isthmus
