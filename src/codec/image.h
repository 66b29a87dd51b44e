#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace isthmus {

// Images are u8 tensors HxWx3, RGB, rows from the top.

// No picture with more pixels is decoded without an expected shape.
inline constexpr std::int64_t kMaxImagePixels = std::int64_t{1} << 26;

// Baseline JPEG with 4:2:0 chroma and quality 1 to 100. `image` is HxWx3 or 1xHxWx3, otherwise
// Error{kInvalid}.
std::vector<std::byte> encode_jpeg(const Tensor& image, int quality);
// Lossy WebP, the library's default effort (method 4).
std::vector<std::byte> encode_webp(const Tensor& image, int quality);

struct ImageSize {
  std::int64_t height = 0;
  std::int64_t width = 0;

  friend bool operator==(const ImageSize&, const ImageSize&) = default;
};

// Reads the header only. Throws Error{kInvalid} for bytes that are no JPEG, or no WebP.
ImageSize jpeg_size(std::span<const std::byte> bytes);
ImageSize webp_size(std::span<const std::byte> bytes);

// A JPEG or WebP picture, told apart by its first bytes, as HxWx3. Throws Error{kInvalid} for
// anything else, for a damaged picture and for one over kMaxImagePixels.
Tensor decode_image(std::span<const std::byte> bytes);
Tensor decode_jpeg(std::span<const std::byte> bytes);
Tensor decode_webp(std::span<const std::byte> bytes);

// Bytes of a JPEG less its DQT and DHT segments (marker and length included): what would have to be
// sent if both ends held the tables. Throws Error{kInvalid} for bytes that are no JPEG.
std::size_t jpeg_bytes_without_tables(std::span<const std::byte> bytes);

}  // namespace isthmus
