// Decoders: the first byte picks a codec, the rest is its payload. Tables files too, and what
// parses as one is written again to the same bytes.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "codec/codec.h"
#include "codec/crc.h"
#include "codec/image.h"
#include "codec/little_endian.h"
#include "codec/rans_tables.h"
#include "core/error.h"

namespace {

using namespace isthmus;

constexpr std::int64_t kMaxFuzzedPixels = 1 << 16;

struct Subject {
  std::unique_ptr<const Codec> codec;
  DType type;
  Shape shape;
};

std::shared_ptr<const RansTables> skewed_tables() {
  std::vector<std::uint8_t> codes(3 * 40);
  for (std::size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<std::uint8_t>(i % 40 * (i / 40) / 4);
  const Tensor sample = Tensor::of<std::uint8_t>({1, 3, 5, 8}, codes);
  return std::make_shared<RansTables>(learn_tables({&sample, 1}));
}

const std::vector<Subject>& subjects() {
  static const std::vector<Subject> all = [] {
    std::vector<Subject> result;
    const auto add = [&](const char* name, DType type, Shape shape,
                         CodecParameters parameters = {}) {
      result.push_back({make_codec(codec_spec_from_string(name), std::move(parameters)), type,
                        std::move(shape)});
    };
    const auto tables = skewed_tables();
    const Shape activations = {1, 3, 5, 8};
    add("f32", DType::kF32, {3});
    add("f16", DType::kF32, {5});
    add("u8", DType::kF32, {2, 3});
    add("u8", DType::kF32, {6}, {.range = ValueRange{-1, 1}});
    add("u8+rans", DType::kF32, activations, {.range = {}, .tables = tables});
    add("u8+rans", DType::kF32, activations, {.range = ValueRange{0, 3}, .tables = tables});
    add("top:3", DType::kF32, {2, 10});
    add("raw", DType::kBool, {4});
    add("jpeg:50", DType::kU8, {16, 16, 3});
    add("webp:50", DType::kU8, {1, 16, 16, 3});
    return result;
  }();
  return all;
}

void decode(const Subject& subject, std::span<const std::byte> payload) {
  const Tensor tensor = subject.codec->decode(payload, subject.type, subject.shape);
  if (tensor.shape() != subject.shape || tensor.dtype() != subject.type) std::abort();
  if (payload.size() > subject.codec->max_payload_bytes(subject.type, subject.shape) &&
      subject.type != DType::kU8)
    std::abort();
}

void parse_tables(std::vector<std::byte> file) {
  // With the CRC that it lacks.
  if (file.size() >= 4)
    store(file.data() + file.size() - 4, crc_extend(0, std::span(file).first(file.size() - 4)));
  if (RansTables::parse(file).serialize() != file) std::abort();
}

void decode_picture(std::span<const std::byte> bytes) {
  const bool jpeg = !bytes.empty() && bytes[0] == std::byte{0xff};
  const ImageSize size = jpeg ? jpeg_size(bytes) : webp_size(bytes);
  if (size.height * size.width <= kMaxFuzzedPixels) decode_image(bytes);
  if (jpeg) jpeg_bytes_without_tables(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t choice = data[0] % (subjects().size() + 2);
  // A copy of just this size, so that the sanitizer sees a read behind it.
  const auto* begin = reinterpret_cast<const std::byte*>(data + 1);
  const std::vector<std::byte> payload(begin, begin + size - 1);
  try {
    if (choice < subjects().size())
      decode(subjects()[choice], payload);
    else if (choice == subjects().size())
      parse_tables(payload);
    else
      decode_picture(payload);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalid) std::abort();
  }
  return 0;
}
