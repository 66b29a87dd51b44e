#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "codec/rans_tables.h"

namespace isthmus {

// Interleaved static rANS (Duda 2013; Giesen, "Interleaved entropy coders", 2014): eight 32-bit
// states, 16-bit renormalisation, 14-bit frequencies. Code i of a plane belongs to state i mod 8;
// the states go on from plane to plane. A stream is the eight states, then the words in the order
// in which the decoder wants them. Integers throughout: the same bytes on every CPU.
inline constexpr std::size_t kRansStates = 8;
inline constexpr std::size_t kRansStateBytes = kRansStates * 4;

// Codes into the end of `room`; the stream is the last so many bytes. None if it does not fit, in
// which case `room` holds garbage. codes.size() == planes * plane_size, and the tables have the
// layout's channels or one.
std::optional<std::size_t> rans_encode(std::span<const std::uint8_t> codes,
                                       const ChannelLayout& layout, const RansTables& tables,
                                       std::span<std::byte> room);

// Fills `codes`. Throws Error{kInvalid} for a stream that rans_encode could not have written: one
// that ends early or late, or whose states do not return to where coding began.
void rans_decode(std::span<const std::byte> stream, const ChannelLayout& layout,
                 const RansTables& tables, std::span<std::uint8_t> codes);

}  // namespace isthmus
