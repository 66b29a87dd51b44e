#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/affine.h"
#include "codec/rans_tables.h"
#include "core/tensor.h"

namespace isthmus {

// How a tensor becomes bytes on an edge (docs/formats/codecs.md).
enum class CodecKind : std::uint8_t {
  kF32,     // "f32": f32 tensors as they are; no copy.
  kF16,     // "f16": f32 tensors as IEEE half precision, round half to even, overflow to infinity.
  kU8,      // "u8": f32 tensors as 8-bit affine integers (codec/affine.h).
  kU8Rans,  // "u8+rans": the same integers, entropy coded (codec/rans_tables.h).
  kTop,     // "top:K": the K largest of each row of f32 scores; the others decode to -infinity.
  kRaw,     // "raw": a tensor of any type as it is; no copy.
  kJpeg,    // "jpeg:Q": u8 RGB images HxWx3 or 1xHxWx3, chroma 4:2:0, quality Q.
  kWebp,    // "webp:Q": the same as lossy WebP.
};

// A codec as a plan names it.
struct CodecSpec {
  CodecKind kind = CodecKind::kF32;
  // kJpeg, kWebp: 1 (small) to 100 (good). Otherwise 0.
  int quality = 0;
  // kTop: entries kept of each row, 1 to 65535. Otherwise 0.
  int count = 0;

  friend bool operator==(const CodecSpec&, const CodecSpec&) = default;
};

// "f32", "u8+rans", "jpeg:75", "top:5".
std::string to_string(const CodecSpec& spec);
// The inverse. Throws Error{kInvalid} that lists the valid names and the nearest.
CodecSpec codec_spec_from_string(std::string_view name);
// "f32, f16, u8, u8+rans, top:K, raw, jpeg:Q, webp:Q", for help texts.
std::string_view codec_names();

// What a codec knows beforehand about the tensors of one edge. Both ends must hold equal
// parameters.
struct CodecParameters {
  // u8, u8+rans: a calibrated range, kept in the plan; values outside are clamped and the payload
  // carries no range. Without it every payload carries the minimum and maximum of its tensor.
  std::optional<ValueRange> range;
  // u8+rans: required. Shared, because one set serves every stream of an edge.
  std::shared_ptr<const RansTables> tables;
};

// The bytes of a coded tensor: memory of its own, or a view of memory that it keeps alive. Copying
// is cheap and shares the bytes.
class Payload {
 public:
  Payload() = default;
  explicit Payload(std::vector<std::byte> bytes);
  // A view of the tensor's own bytes.
  explicit Payload(const Tensor& tensor);
  // A view of `bytes`, which belong to `owner`.
  Payload(std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}

  std::span<const std::byte> bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

// Immutable and thread-safe: one object serves every thread.
//
// Laws: encode and decode depend on nothing but their arguments and the parameters, on any CPU.
// `decode` of any bytes whatever gives a tensor of the expected type and shape or throws
// Error{kInvalid}; it reads and writes within bounds and takes memory for the expected shape only.
class Codec {
 public:
  virtual ~Codec() = default;

  const CodecSpec& spec() const { return spec_; }

  // Throws Error{kInvalid} for a tensor of the wrong type or shape, or (u8, u8+rans, top) with a
  // NaN or, where the range is that of the tensor, an infinity.
  virtual Payload encode(const Tensor& tensor) const = 0;

  // `payload` is only read during the call. `shape` is what the plan says about the edge, with
  // every extent known; jpeg and webp alone also take -1 for an unknown height or width.
  virtual Tensor decode(std::span<const std::byte> payload, DType type,
                        const Shape& shape) const = 0;

  // The same for bytes that belong to `owner`: f32 and raw give a tensor that shares them, unless
  // they are not aligned to the element size; the other codecs decode as above.
  virtual Tensor decode_shared(std::span<const std::byte> payload,
                               std::shared_ptr<const void> owner, DType type,
                               const Shape& shape) const;

  // No payload of a tensor of this type and shape is larger.
  virtual std::size_t max_payload_bytes(DType type, const Shape& shape) const = 0;
  // The size of every payload of this type and shape; none where it depends on the content
  // (u8+rans, jpeg, webp).
  virtual std::optional<std::size_t> fixed_payload_bytes(DType type, const Shape& shape) const;

 protected:
  explicit Codec(CodecSpec spec) : spec_(spec) {}

 private:
  CodecSpec spec_;
};

// Throws Error{kInvalid} for parameters that do not fit: u8+rans without tables, a range that is
// not finite or is empty, a quality or count out of bounds.
std::unique_ptr<const Codec> make_codec(const CodecSpec& spec, CodecParameters parameters = {});

}  // namespace isthmus
