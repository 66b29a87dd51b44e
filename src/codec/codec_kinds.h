#pragma once

#include <memory>

#include "codec/codec.h"
#include "codec/memory.h"

namespace isthmus {

// One maker per kind; make_codec (codec.cpp) is the list of them all. Specs are checked there.
std::unique_ptr<const Codec> make_identity_codec(const CodecSpec& spec);
std::unique_ptr<const Codec> make_half_codec(const CodecSpec& spec);
std::unique_ptr<const Codec> make_affine_codec(const CodecSpec& spec,
                                               const CodecParameters& parameters);
std::unique_ptr<const Codec> make_rans_codec(const CodecSpec& spec, CodecParameters parameters);
std::unique_ptr<const Codec> make_top_codec(const CodecSpec& spec);
std::unique_ptr<const Codec> make_image_codec(const CodecSpec& spec);

// Throws Error{kInvalid}, "codec u8 codes float32 tensors, not int64; use raw", unless the type
// fits.
void check_codec_type(const CodecSpec& spec, DType wanted, DType given);
// Throws Error{kInvalid} that names codec, shape and both lengths unless they are equal.
void check_payload_size(const CodecSpec& spec, const Shape& shape, std::size_t expected,
                        std::size_t given);

// Bytes of all elements. Throws Error{kInvalid} for an unknown extent.
std::size_t tensor_bytes(DType type, const Shape& shape);

// A tensor whose memory `fill(std::span<T>)` writes completely.
template <typename T, typename Fill>
Tensor filled_tensor(const Shape& shape, Fill&& fill) {
  const auto count = static_cast<std::size_t>(element_count(shape));
  const std::size_t bytes = tensor_bytes(dtype_of<T>(), shape);
  const std::shared_ptr<std::byte> memory = new_memory(bytes);
  fill(std::span<T>(reinterpret_cast<T*>(memory.get()), count));
  return Tensor::adopt(dtype_of<T>(), shape, {memory.get(), bytes}, memory);
}

}  // namespace isthmus
