#include "codec/image.h"

#include <turbojpeg.h>
#include <webp/decode.h>
#include <webp/encode.h>

#include <algorithm>
#include <memory>
#include <string>

#include "codec/memory.h"
#include "core/error.h"

namespace isthmus {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::kInvalid, what); }

const unsigned char* data_of(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

struct CloseTurbo {
  void operator()(void* handle) const { tjDestroy(handle); }
};
using Turbo = std::unique_ptr<void, CloseTurbo>;

ImageSize size_of_image(const Tensor& image) {
  const Shape& shape = image.shape();
  const bool batch = shape.size() == 4 && shape[0] == 1;
  if (image.dtype() != DType::kU8 || (shape.size() != 3 && !batch) || shape.back() != 3 ||
      image.size() == 0)
    refuse("an image must be uint8 of HxWx3, not " + std::string(to_string(image.dtype())) + ' ' +
           to_string(shape));
  return {shape[shape.size() - 3], shape[shape.size() - 2]};
}

void check_quality(int quality) {
  if (quality < 1 || quality > 100)
    refuse("image quality must be 1 to 100: " + std::to_string(quality));
}

// The libraries take int and their formats end at 16 bits (JPEG 65500 in libjpeg, WebP 16383).
void check_side(const ImageSize& size, std::int64_t largest, const char* format) {
  if (std::max(size.height, size.width) > largest)
    refuse(std::string(format) + " holds at most " + std::to_string(largest) +
           " pixels a side, not " + std::to_string(size.height) + 'x' + std::to_string(size.width));
}

// Memory for a picture of this size, and a tensor over it.
struct NewImage {
  explicit NewImage(const ImageSize& size)
      : height(static_cast<int>(size.height)), width(static_cast<int>(size.width)) {
    if (size.height > kMaxImagePixels / size.width)
      refuse("image has too many pixels: " + std::to_string(size.height) + 'x' +
             std::to_string(size.width));
    count = static_cast<std::size_t>(size.height * size.width * 3);
    memory = new_memory(count);
  }
  unsigned char* pixels() { return reinterpret_cast<unsigned char*>(memory.get()); }
  Tensor tensor() {
    return Tensor::adopt(DType::kU8, {height, width, 3}, {memory.get(), count}, memory);
  }

  int height;
  int width;
  std::size_t count = 0;
  std::shared_ptr<std::byte> memory;
};

ImageSize jpeg_header(void* turbo, std::span<const std::byte> bytes) {
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colours = 0;
  if (tjDecompressHeader3(turbo, data_of(bytes), bytes.size(), &width, &height, &subsampling,
                          &colours) != 0 ||
      width <= 0 || height <= 0)
    refuse(std::string("this is no JPEG: ") + tjGetErrorStr2(turbo));
  return {height, width};
}

bool starts_with(std::span<const std::byte> bytes, std::string_view text, std::size_t offset = 0) {
  return bytes.size() >= offset + text.size() &&
         std::string_view(reinterpret_cast<const char*>(bytes.data()) + offset, text.size()) ==
             text;
}

}  // namespace

std::vector<std::byte> encode_jpeg(const Tensor& image, int quality) {
  check_quality(quality);
  const ImageSize size = size_of_image(image);
  check_side(size, 65500, "JPEG");
  const Turbo turbo(tjInitCompress());
  const int width = static_cast<int>(size.width);
  const int height = static_cast<int>(size.height);
  std::vector<std::byte> bytes(tjBufSize(width, height, TJSAMP_420));
  auto* to = reinterpret_cast<unsigned char*>(bytes.data());
  unsigned long written = bytes.size();
  if (tjCompress2(turbo.get(), data_of(image.bytes()), width, 0, height, TJPF_RGB, &to, &written,
                  TJSAMP_420, quality, TJFLAG_NOREALLOC) != 0)
    refuse(std::string("JPEG encoder: ") + tjGetErrorStr2(turbo.get()));
  bytes.resize(written);
  return bytes;
}

std::vector<std::byte> encode_webp(const Tensor& image, int quality) {
  check_quality(quality);
  const ImageSize size = size_of_image(image);
  check_side(size, WEBP_MAX_DIMENSION, "WebP");
  std::uint8_t* made = nullptr;
  const std::size_t count = WebPEncodeRGB(
      data_of(image.bytes()), static_cast<int>(size.width), static_cast<int>(size.height),
      static_cast<int>(size.width * 3), static_cast<float>(quality), &made);
  const std::unique_ptr<std::uint8_t, decltype(&WebPFree)> owner(made, &WebPFree);
  if (count == 0) refuse("WebP encoder failed on an image of " + to_string(image.shape()));
  const auto* begin = reinterpret_cast<const std::byte*>(made);
  return {begin, begin + count};
}

ImageSize jpeg_size(std::span<const std::byte> bytes) {
  const Turbo turbo(tjInitDecompress());
  return jpeg_header(turbo.get(), bytes);
}

ImageSize webp_size(std::span<const std::byte> bytes) {
  int width = 0;
  int height = 0;
  if (WebPGetInfo(data_of(bytes), bytes.size(), &width, &height) == 0 || width <= 0 || height <= 0)
    refuse("this is no WebP image");
  return {height, width};
}

Tensor decode_jpeg(std::span<const std::byte> bytes) {
  const Turbo turbo(tjInitDecompress());
  NewImage image(jpeg_header(turbo.get(), bytes));
  // A warning (a truncated or damaged scan) is an error here: the picture would be partly grey.
  if (tjDecompress2(turbo.get(), data_of(bytes), bytes.size(), image.pixels(), image.width, 0,
                    image.height, TJPF_RGB, TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) != 0)
    refuse(std::string("JPEG is damaged: ") + tjGetErrorStr2(turbo.get()));
  return image.tensor();
}

Tensor decode_webp(std::span<const std::byte> bytes) {
  NewImage image(webp_size(bytes));
  if (WebPDecodeRGBInto(data_of(bytes), bytes.size(), image.pixels(), image.count,
                        image.width * 3) == nullptr)
    refuse("WebP image is damaged");
  return image.tensor();
}

Tensor decode_image(std::span<const std::byte> bytes) {
  if (starts_with(bytes, "\xff\xd8\xff")) return decode_jpeg(bytes);
  if (starts_with(bytes, "RIFF") && starts_with(bytes, "WEBP", 8)) return decode_webp(bytes);
  refuse("neither a JPEG nor a WebP image");
}

std::size_t jpeg_bytes_without_tables(std::span<const std::byte> bytes) {
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  if (!starts_with(bytes, "\xff\xd8")) refuse("this is no JPEG");
  std::size_t tables = 0;
  std::size_t at = 2;
  while (at + 1 < bytes.size()) {
    const unsigned marker = byte(at + 1);
    // Coded data, its stuffed zeros and restart markers, and fill bytes.
    if (byte(at) != 0xff || marker == 0 || marker == 0xff || (marker >= 0xd0 && marker <= 0xd7)) {
      ++at;
      continue;
    }
    if (marker == 0xd9) return bytes.size() - tables;
    if (at + 4 > bytes.size()) break;
    const std::size_t segment = 2 + byte(at + 2) * 256 + byte(at + 3);
    if (segment < 4 || at + segment > bytes.size()) break;
    if (marker == 0xdb || marker == 0xc4) tables += segment;
    at += segment;
  }
  refuse("JPEG is damaged: it has no end");
}

}  // namespace isthmus
