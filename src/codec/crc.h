#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace isthmus {

// CRC-32 (IEEE 802.3, as in zlib and PNG) of `data`, or of what came before and `data`:
// crc_extend(crc_extend(0, a), b) == crc_extend(0, ab). Detects every change of up to 32 adjacent
// bits.
std::uint32_t crc_extend(std::uint32_t crc, std::span<const std::byte> data);

}  // namespace isthmus
