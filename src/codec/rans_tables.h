#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codec/affine.h"
#include "core/tensor.h"

namespace isthmus {

// Frequencies are integers out of 2^14.
inline constexpr int kRansBits = 14;
inline constexpr std::uint32_t kRansTotal = 1u << kRansBits;
inline constexpr std::size_t kMaxRansGroups = 64;
inline constexpr std::size_t kMaxRansChannels = 65536;

// One distribution over the 256 codes, ready for coding (codec/rans.h).
struct RansTable {
  struct Encoding {
    // ceil(2^64 / frequency), less 1 where the frequency is 1.
    std::uint64_t reciprocal = 0;
    // A state of this and more gives a word to the stream first.
    std::uint32_t limit = 0;
    std::uint32_t bias = 0;
    std::uint32_t complement = 0;
  };
  struct Decoding {
    // frequency >= 1, so that any data can be coded; the frequencies sum to kRansTotal.
    std::uint16_t frequency = 0;
    // Sum of the frequencies before.
    std::uint16_t start = 0;
  };

  std::array<Encoding, 256> encoding;
  std::array<Decoding, 256> decoding;
  // The code of each slot of [0, kRansTotal).
  std::array<std::uint8_t, kRansTotal> symbol;
};

// Static frequency tables of one edge: channels that look alike share a table.
//
// A tensor of shape NxCx... (rank 3 and more) has C channels; one of rank 2 and less is one
// channel. Tables for one channel serve every tensor. Immutable; equal content gives equal bytes
// and hash.
class RansTables {
 public:
  // `group_of_channel[c]` indexes `frequencies`. Throws Error{kInvalid} unless every frequency is
  // at least 1, each row sums to kRansTotal and the counts are within the bounds above.
  RansTables(std::vector<std::uint8_t> group_of_channel,
             std::span<const std::array<std::uint16_t, 256>> frequencies);

  // One table, in which all codes are equally likely.
  static RansTables uniform();
  // Reads what `serialize` wrote. Throws Error{kInvalid} for anything else (magic, version, sizes,
  // sums, CRC).
  static RansTables parse(std::span<const std::byte> file);

  std::size_t channels() const { return group_of_channel_.size(); }
  std::size_t groups() const { return tables_.size(); }
  // Where there is only one channel, its table for every channel.
  const RansTable& table_of(std::size_t channel) const {
    return tables_[group_of_channel_[group_of_channel_.size() == 1 ? 0 : channel]];
  }

  // docs/formats/rans_tables.md.
  std::vector<std::byte> serialize() const;
  // SHA-256 of the serialized bytes: the name under which a plan refers to the tables.
  const std::string& hash() const { return hash_; }

 private:
  std::vector<std::uint8_t> group_of_channel_;
  std::vector<RansTable> tables_;
  std::string hash_;
};

struct LearnTablesOptions {
  // As in the CodecParameters that will go with the tables.
  std::optional<ValueRange> range;
  // At most this many tables, 1 to kMaxRansGroups. Tables are not sent with frames, so that more
  // cost only memory: 24 kB each.
  std::size_t max_groups = 16;
};

// Counts the codes of the samples (f32, or u8 that are codes already) for every channel, and groups
// channels so that the coded samples become small. Deterministic. The samples are those of one
// edge, of equal shape but for the batch. Throws Error{kInvalid} for none, or for unequal ones.
RansTables learn_tables(std::span<const Tensor> samples, const LearnTablesOptions& options = {});

// How a shape is laid out for coding: `planes` runs of `plane_size` codes; run i is channel
// i % channels. An empty tensor has no planes.
struct ChannelLayout {
  std::size_t channels = 1;
  std::size_t planes = 0;
  std::size_t plane_size = 0;
};
ChannelLayout channel_layout(const Shape& shape);

}  // namespace isthmus
