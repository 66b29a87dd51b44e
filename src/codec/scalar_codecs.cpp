// The codecs that treat every element alike: f32 and raw, f16, u8, u8+rans.
#include <algorithm>
#include <cstring>

#include "codec/codec_kinds.h"
#include "codec/half.h"
#include "codec/little_endian.h"
#include "codec/rans.h"
#include "core/error.h"

namespace isthmus {
namespace {

// Bytes of minimum and maximum, where the plan does not hold them.
constexpr std::size_t kRangeBytes = 8;

class IdentityCodec final : public Codec {
 public:
  explicit IdentityCodec(const CodecSpec& spec) : Codec(spec) {}

  Payload encode(const Tensor& tensor) const override {
    check_type(tensor.dtype());
    return Payload(tensor);
  }

  Tensor decode(std::span<const std::byte> payload, DType type, const Shape& shape) const override {
    check(payload, type, shape);
    const std::shared_ptr<std::byte> memory = new_memory(payload.size());
    if (!payload.empty()) std::memcpy(memory.get(), payload.data(), payload.size());
    return Tensor::adopt(type, shape, {memory.get(), payload.size()}, memory);
  }

  Tensor decode_shared(std::span<const std::byte> payload, std::shared_ptr<const void> owner,
                       DType type, const Shape& shape) const override {
    check(payload, type, shape);
    const auto address = reinterpret_cast<std::uintptr_t>(payload.data());
    if (address % byte_size(type) != 0 || payload.empty()) return decode(payload, type, shape);
    return Tensor::adopt(type, shape, payload, std::move(owner));
  }

  std::size_t max_payload_bytes(DType type, const Shape& shape) const override {
    return tensor_bytes(type, shape);
  }
  std::optional<std::size_t> fixed_payload_bytes(DType type, const Shape& shape) const override {
    return tensor_bytes(type, shape);
  }

 private:
  void check_type(DType type) const {
    if (spec().kind == CodecKind::kF32) check_codec_type(spec(), DType::kF32, type);
  }

  void check(std::span<const std::byte> payload, DType type, const Shape& shape) const {
    check_type(type);
    check_payload_size(spec(), shape, tensor_bytes(type, shape), payload.size());
    const auto is_bool = [](std::byte b) { return b <= std::byte{1}; };
    if (type == DType::kBool && !std::ranges::all_of(payload, is_bool))
      throw Error(ErrorKind::kInvalid, "payload of codec raw holds a bool that is not 0 or 1");
  }
};

class HalfCodec final : public Codec {
 public:
  explicit HalfCodec(const CodecSpec& spec) : Codec(spec) {}

  Payload encode(const Tensor& tensor) const override {
    check_codec_type(spec(), DType::kF32, tensor.dtype());
    const auto numbers = tensor.values<float>();
    const std::shared_ptr<std::byte> memory = new_memory(numbers.size() * 2);
    to_half(numbers, {reinterpret_cast<std::uint16_t*>(memory.get()), numbers.size()});
    return Payload({memory.get(), numbers.size() * 2}, memory);
  }

  Tensor decode(std::span<const std::byte> payload, DType type, const Shape& shape) const override {
    check_payload_size(spec(), shape, max_payload_bytes(type, shape), payload.size());
    return filled_tensor<float>(shape, [&](std::span<float> numbers) {
      if (reinterpret_cast<std::uintptr_t>(payload.data()) % 2 == 0)
        return from_half({reinterpret_cast<const std::uint16_t*>(payload.data()), numbers.size()},
                         numbers);
      std::vector<std::uint16_t> aligned(numbers.size());
      std::memcpy(aligned.data(), payload.data(), payload.size());
      from_half(aligned, numbers);
    });
  }

  std::size_t max_payload_bytes(DType type, const Shape& shape) const override {
    check_codec_type(spec(), DType::kF32, type);
    return tensor_bytes(DType::kF16, shape);
  }
  std::optional<std::size_t> fixed_payload_bytes(DType type, const Shape& shape) const override {
    return max_payload_bytes(type, shape);
  }
};

// What u8 and u8+rans share: the range, in the plan or in the payload.
class AffineBase : public Codec {
 protected:
  AffineBase(const CodecSpec& spec, const CodecParameters& parameters) : Codec(spec) {
    if (parameters.range) grid_.emplace(*parameters.range);
  }

  std::size_t range_bytes() const { return grid_ ? 0 : kRangeBytes; }

  // Writes range_bytes() to `range` and a code for each number.
  void quantize(const Tensor& tensor, std::byte* range, std::span<std::uint8_t> codes) const {
    const auto numbers = tensor.values<float>();
    std::optional<AffineGrid> own;
    if (!grid_) {
      const ValueRange ends = range_of(numbers);
      store(store(range, ends.min), ends.max);
      own.emplace(ends);
    }
    if (!(grid_ ? *grid_ : *own).quantize(numbers, codes))
      throw Error(ErrorKind::kInvalid,
                  "codec " + to_string(spec()) + " cannot code a tensor with NaN; use f16 or f32");
  }

  AffineGrid grid_of(const std::byte* range) const {
    return grid_ ? *grid_ : AffineGrid({load<float>(range), load<float>(range + 4)});
  }

  std::size_t count_of(DType type, const Shape& shape) const {
    check_codec_type(spec(), DType::kF32, type);
    return tensor_bytes(DType::kU8, shape);
  }

 private:
  std::optional<AffineGrid> grid_;
};

std::span<std::uint8_t> codes_at(std::byte* bytes, std::size_t count) {
  return {reinterpret_cast<std::uint8_t*>(bytes), count};
}
std::span<const std::uint8_t> codes_at(const std::byte* bytes, std::size_t count) {
  return {reinterpret_cast<const std::uint8_t*>(bytes), count};
}

// range? codes
class AffineCodec final : public AffineBase {
 public:
  AffineCodec(const CodecSpec& spec, const CodecParameters& parameters)
      : AffineBase(spec, parameters) {}

  Payload encode(const Tensor& tensor) const override {
    const std::size_t count = count_of(tensor.dtype(), tensor.shape());
    const std::size_t bytes = range_bytes() + count;
    const std::shared_ptr<std::byte> memory = new_memory(bytes);
    quantize(tensor, memory.get(), codes_at(memory.get() + range_bytes(), count));
    return Payload({memory.get(), bytes}, memory);
  }

  Tensor decode(std::span<const std::byte> payload, DType type, const Shape& shape) const override {
    check_payload_size(spec(), shape, max_payload_bytes(type, shape), payload.size());
    const AffineGrid grid = grid_of(payload.data());
    return filled_tensor<float>(shape, [&](std::span<float> numbers) {
      grid.dequantize(codes_at(payload.data() + range_bytes(), numbers.size()), numbers);
    });
  }

  std::size_t max_payload_bytes(DType type, const Shape& shape) const override {
    return range_bytes() + count_of(type, shape);
  }
  std::optional<std::size_t> fixed_payload_bytes(DType type, const Shape& shape) const override {
    return max_payload_bytes(type, shape);
  }
};

// form range? (codes | stream)
class RansCodec final : public AffineBase {
 public:
  RansCodec(const CodecSpec& spec, CodecParameters parameters)
      : AffineBase(spec, parameters), tables_(std::move(parameters.tables)) {}

  Payload encode(const Tensor& tensor) const override {
    const std::size_t count = count_of(tensor.dtype(), tensor.shape());
    const ChannelLayout layout = layout_of(tensor.shape());
    // The front holds the payload with plain codes, the back room for the stream.
    const std::size_t plain_bytes = 1 + range_bytes() + count;
    const std::shared_ptr<std::byte> memory = new_memory(plain_bytes + 1 + range_bytes() + count);
    std::byte* plain = memory.get();
    const auto codes = codes_at(plain + 1 + range_bytes(), count);
    quantize(tensor, plain + 1, codes);

    std::byte* end = plain + plain_bytes + 1 + range_bytes() + count;
    const auto coded = rans_encode(codes, layout, *tables_, {end - count, count});
    if (!coded || *coded >= count) {
      *plain = static_cast<std::byte>(Form::kPlain);
      return Payload({plain, plain_bytes}, memory);
    }
    std::byte* begin = end - *coded - range_bytes() - 1;
    *begin = static_cast<std::byte>(Form::kStream);
    std::memcpy(begin + 1, plain + 1, range_bytes());
    return Payload({begin, end}, memory);
  }

  Tensor decode(std::span<const std::byte> payload, DType type, const Shape& shape) const override {
    const std::size_t most = max_payload_bytes(type, shape);
    const std::size_t front = 1 + range_bytes();
    if (payload.size() < front || payload.size() > most)
      throw Error(ErrorKind::kInvalid, "payload of codec u8+rans for " + to_string(shape) +
                                           " must have " + std::to_string(front) + " to " +
                                           std::to_string(most) + " bytes, not " +
                                           std::to_string(payload.size()));
    const ChannelLayout layout = layout_of(shape);
    const AffineGrid grid = grid_of(payload.data() + 1);
    const auto body = payload.subspan(front);
    const std::size_t count = most - front;
    if (payload[0] == static_cast<std::byte>(Form::kPlain)) {
      check_payload_size(spec(), shape, most, payload.size());
      return filled_tensor<float>(shape, [&](std::span<float> numbers) {
        grid.dequantize(codes_at(body.data(), count), numbers);
      });
    }
    if (payload[0] != static_cast<std::byte>(Form::kStream))
      throw Error(ErrorKind::kInvalid, "payload of codec u8+rans is of unknown form " +
                                           std::to_string(std::to_integer<int>(payload[0])));
    const std::shared_ptr<std::byte> codes = new_memory(count);
    rans_decode(body, layout, *tables_, codes_at(codes.get(), count));
    return filled_tensor<float>(shape, [&](std::span<float> numbers) {
      grid.dequantize(codes_at(codes.get(), count), numbers);
    });
  }

  std::size_t max_payload_bytes(DType type, const Shape& shape) const override {
    return 1 + range_bytes() + count_of(type, shape);
  }

 private:
  enum class Form : std::uint8_t { kPlain = 0, kStream = 1 };

  ChannelLayout layout_of(const Shape& shape) const {
    const ChannelLayout layout = channel_layout(shape);
    if (layout.planes != 0 && tables_->channels() != 1 && tables_->channels() != layout.channels)
      throw Error(ErrorKind::kInvalid, "frequency tables of " +
                                           std::to_string(tables_->channels()) +
                                           " channels do not fit a tensor of " + to_string(shape));
    return layout;
  }

  std::shared_ptr<const RansTables> tables_;
};

}  // namespace

std::unique_ptr<const Codec> make_identity_codec(const CodecSpec& spec) {
  return std::make_unique<IdentityCodec>(spec);
}

std::unique_ptr<const Codec> make_half_codec(const CodecSpec& spec) {
  return std::make_unique<HalfCodec>(spec);
}

std::unique_ptr<const Codec> make_affine_codec(const CodecSpec& spec,
                                               const CodecParameters& parameters) {
  return std::make_unique<AffineCodec>(spec, parameters);
}

std::unique_ptr<const Codec> make_rans_codec(const CodecSpec& spec, CodecParameters parameters) {
  return std::make_unique<RansCodec>(spec, std::move(parameters));
}

}  // namespace isthmus
