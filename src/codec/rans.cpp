#include "codec/rans.h"

#include <array>
#include <bit>
#include <cassert>

#include "codec/little_endian.h"
#include "core/error.h"

namespace isthmus {
namespace {

// States live in [kLow, 2^32) between codes.
constexpr std::uint32_t kLow = 1u << 16;
constexpr std::uint32_t kSlotMask = kRansTotal - 1;

__extension__ using Uint128 = unsigned __int128;
using States = std::array<std::uint32_t, kRansStates>;

inline std::uint32_t mask_if(bool condition) { return 0u - static_cast<std::uint32_t>(condition); }

[[noreturn]] void refuse(const char* what) {
  throw Error(ErrorKind::kInvalid, std::string("u8+rans payload is damaged: ") + what);
}

// Writes towards the front of its room.
class WordWriter {
 public:
  explicit WordWriter(std::span<std::byte> room)
      : begin_(room.data()), end_(room.data() + room.size()), at_(end_) {}

  std::size_t left() const { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t written() const { return static_cast<std::size_t>(end_ - at_); }
  // Writes the low half of `value` and steps on if `really`: no branch. Needs room for it either
  // way.
  void put(std::uint32_t value, bool really) {
    store(at_ - 2, static_cast<std::uint16_t>(value));
    at_ -= really ? 2 : 0;
  }
  void put_state(std::uint32_t state) { store(at_ -= 4, state); }

 private:
  std::byte* begin_;
  std::byte* end_;
  std::byte* at_;
};

inline std::uint32_t encode_one(std::uint32_t state, const RansTable::Encoding& code,
                                WordWriter& words) {
  const std::uint32_t full = mask_if(state >= code.limit);
  words.put(state, full);
  state ^= (state ^ (state >> 16)) & full;
  const auto quotient = static_cast<std::uint32_t>((Uint128{state} * code.reciprocal) >> 64);
  return state + code.bias + quotient * code.complement;
}

// False if the room is not enough.
bool encode_plane(std::span<const std::uint8_t> plane, const RansTable& table, States& states,
                  WordWriter& words) {
  std::size_t i = plane.size();
  // The codes that fill no whole round of states come first in this, the reverse, order.
  for (; i % kRansStates != 0; --i) {
    if (words.left() < 2) return false;
    std::uint32_t& state = states[(i - 1) % kRansStates];
    state = encode_one(state, table.encoding[plane[i - 1]], words);
  }
  for (; i != 0; i -= kRansStates) {
    if (words.left() < 2 * kRansStates) return false;
    const std::uint8_t* round = plane.data() + i - kRansStates;
    for (std::size_t k = kRansStates; k-- > 0;)
      states[k] = encode_one(states[k], table.encoding[round[k]], words);
  }
  return true;
}

inline std::uint8_t decode_one(std::uint32_t& state, const RansTable& table,
                               const std::byte*& word) {
  const std::uint32_t slot = state & kSlotMask;
  const std::uint8_t code = table.symbol[slot];
  const auto entry = std::bit_cast<std::uint32_t>(table.decoding[code]);
  const std::uint32_t next = (entry & 0xffff) * (state >> kRansBits) + slot - (entry >> 16);
  // All ones where the state has to be refilled: masks, because a branch would often be
  // mispredicted.
  const std::uint32_t low = mask_if(next < kLow);
  const std::uint32_t refilled = (next << 16) | load<std::uint16_t>(word);
  state = next ^ ((next ^ refilled) & low);
  word += low & 2;
  return code;
}

// As decode_one where fewer words may be left than a round could take.
std::uint8_t decode_last(std::uint32_t& state, const RansTable& table, const std::byte*& word,
                         const std::byte* end) {
  constexpr std::array<std::byte, 2> kNone{};
  if (word != end) return decode_one(state, table, word);
  const std::byte* none = kNone.data();
  const std::uint8_t code = decode_one(state, table, none);
  if (none != kNone.data()) refuse("it ends early");
  return code;
}

void decode_plane(std::span<std::uint8_t> plane, const RansTable& table, States& shared,
                  const std::byte*& shared_word, const std::byte* end) {
  States states = shared;
  const std::byte* word = shared_word;
  std::size_t i = 0;
  const std::size_t rounds_end = plane.size() - plane.size() % kRansStates;
  std::uint8_t* codes = plane.data();
  for (; i < rounds_end && end - word >= static_cast<std::ptrdiff_t>(2 * kRansStates);
       i += kRansStates)
    for (std::size_t k = 0; k < kRansStates; ++k) codes[i + k] = decode_one(states[k], table, word);
  for (; i < plane.size(); ++i) codes[i] = decode_last(states[i % kRansStates], table, word, end);
  shared = states;
  shared_word = word;
}

}  // namespace

std::optional<std::size_t> rans_encode(std::span<const std::uint8_t> codes,
                                       const ChannelLayout& layout, const RansTables& tables,
                                       std::span<std::byte> room) {
  assert(codes.size() == layout.planes * layout.plane_size);
  WordWriter words(room);
  States states;
  states.fill(kLow);
  for (std::size_t plane = layout.planes; plane-- > 0;)
    if (!encode_plane(codes.subspan(plane * layout.plane_size, layout.plane_size),
                      tables.table_of(plane % layout.channels), states, words))
      return std::nullopt;
  if (words.left() < kRansStateBytes) return std::nullopt;
  for (std::size_t k = kRansStates; k-- > 0;) words.put_state(states[k]);
  return words.written();
}

void rans_decode(std::span<const std::byte> stream, const ChannelLayout& layout,
                 const RansTables& tables, std::span<std::uint8_t> codes) {
  assert(codes.size() == layout.planes * layout.plane_size);
  if (stream.size() < kRansStateBytes || stream.size() % 2 != 0) refuse("its length is wrong");
  States states;
  for (std::size_t k = 0; k < kRansStates; ++k) {
    states[k] = load<std::uint32_t>(stream.data() + 4 * k);
    if (states[k] < kLow) refuse("a state is out of bounds");
  }
  const std::byte* word = stream.data() + kRansStateBytes;
  const std::byte* end = stream.data() + stream.size();
  for (std::size_t plane = 0; plane < layout.planes; ++plane)
    decode_plane(codes.subspan(plane * layout.plane_size, layout.plane_size),
                 tables.table_of(plane % layout.channels), states, word, end);
  if (word != end) refuse("it goes on after its last code");
  for (const std::uint32_t state : states)
    if (state != kLow) refuse("its states do not return to the start");
}

}  // namespace isthmus
