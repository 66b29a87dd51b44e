#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "codec/codec_kinds.h"
#include "codec/little_endian.h"
#include "core/error.h"

namespace isthmus {
namespace {

constexpr float kAbsent = -std::numeric_limits<float>::infinity();

// Rows of scores: the last extent, and how often. One row of one for a scalar.
struct Rows {
  std::size_t count = 0;
  std::size_t size = 0;
};

// Per row min(K, size) entries from the largest down, the lower index first of equals: index,
// score.
class TopCodec final : public Codec {
 public:
  explicit TopCodec(const CodecSpec& spec) : Codec(spec) {}

  Payload encode(const Tensor& tensor) const override {
    const Rows rows = rows_of(tensor.dtype(), tensor.shape());
    const auto scores = tensor.values<float>();
    if (std::ranges::any_of(scores, [](float x) { return std::isnan(x); }))
      throw Error(ErrorKind::kInvalid,
                  "codec " + to_string(spec()) + " cannot order scores with NaN; use f32");
    const std::size_t kept = kept_of(rows);
    std::vector<std::byte> bytes(rows.count * kept * entry_bytes(rows));
    std::vector<std::uint32_t> order(rows.size);
    std::byte* at = bytes.data();
    for (std::size_t row = 0; row < rows.count; ++row) {
      const float* of = scores.data() + row * rows.size;
      std::iota(order.begin(), order.end(), 0u);
      std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(kept),
                                [of](std::uint32_t a, std::uint32_t b) {
                                  return of[a] != of[b] ? of[a] > of[b] : a < b;
                                });
      for (std::size_t i = 0; i < kept; ++i)
        at = store(
            wide(rows) ? store(at, order[i]) : store(at, static_cast<std::uint16_t>(order[i])),
            of[order[i]]);
    }
    return Payload(std::move(bytes));
  }

  Tensor decode(std::span<const std::byte> payload, DType type, const Shape& shape) const override {
    const Rows rows = rows_of(type, shape);
    check_payload_size(spec(), shape, rows.count * kept_of(rows) * entry_bytes(rows),
                       payload.size());
    return filled_tensor<float>(shape, [&](std::span<float> scores) {
      std::ranges::fill(scores, kAbsent);
      std::vector<bool> seen(rows.size);
      const std::byte* at = payload.data();
      for (std::size_t row = 0; row < rows.count; ++row) {
        std::fill(seen.begin(), seen.end(), false);
        for (std::size_t i = 0; i < kept_of(rows); ++i, at += entry_bytes(rows)) {
          const std::size_t index = wide(rows) ? load<std::uint32_t>(at) : load<std::uint16_t>(at);
          const auto score = load<float>(at + entry_bytes(rows) - sizeof(float));
          if (index >= rows.size || seen[index] || std::isnan(score))
            throw Error(ErrorKind::kInvalid, "payload of codec " + to_string(spec()) + " for " +
                                                 to_string(shape) + " is damaged: entry " +
                                                 std::to_string(i) + " of row " +
                                                 std::to_string(row));
          seen[index] = true;
          scores[row * rows.size + index] = score;
        }
      }
    });
  }

  std::size_t max_payload_bytes(DType type, const Shape& shape) const override {
    const Rows rows = rows_of(type, shape);
    return rows.count * kept_of(rows) * entry_bytes(rows);
  }
  std::optional<std::size_t> fixed_payload_bytes(DType type, const Shape& shape) const override {
    return max_payload_bytes(type, shape);
  }

 private:
  Rows rows_of(DType type, const Shape& shape) const {
    check_codec_type(spec(), DType::kF32, type);
    const std::size_t count = tensor_bytes(DType::kF32, shape) / sizeof(float);
    const std::size_t size = shape.empty() ? 1 : static_cast<std::size_t>(shape.back());
    if (size > std::numeric_limits<std::uint32_t>::max())
      throw Error(ErrorKind::kInvalid,
                  "codec " + to_string(spec()) + " cannot index rows of " + to_string(shape));
    return {.count = count == 0 ? 0 : count / size, .size = size};
  }

  std::size_t kept_of(const Rows& rows) const {
    return std::min<std::size_t>(static_cast<std::size_t>(spec().count), rows.size);
  }
  // Indices that do not fit in 16 bits take 32.
  static bool wide(const Rows& rows) { return rows.size > 65536; }
  static std::size_t entry_bytes(const Rows& rows) { return wide(rows) ? 8 : 6; }
};

}  // namespace

std::unique_ptr<const Codec> make_top_codec(const CodecSpec& spec) {
  return std::make_unique<TopCodec>(spec);
}

}  // namespace isthmus
