#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/trace.h"

namespace isthmus {

// One message of the flow stream: a header, its CRC, and a payload. Grammar: docs/formats/frame.md.
//
// 28 bytes go beside the payload where no part of the plan has several machines. The header's
// length is a multiple of four, so that an f32 payload is aligned when the message is.
enum class FrameType : std::uint8_t {
  kTensor = 1,     // Payload: a coded tensor. `edge` is its edge in the plan of key.epoch.
  kAnswer = 2,     // Payload: what serve/ says. Travels to the sink.
  kAck = 3,        // No payload: the source need not keep the frame any longer.
  kRefusal = 4,    // Payload: the reason, UTF-8. The frame could not be delivered or run.
  kCredit = 5,     // `edge` and `count` in the payload: what serve/ says.
  kEnd = 6,        // No more frames from key.source on this stream.
  kHeartbeat = 7,  // On a connection of its own.
  kEvent = 8,      // Payload: what serve/ says (plan changes, machines lost).
};

std::string_view to_string(FrameType type);

inline constexpr std::size_t kMaxRouteEntries = 32;
// Fixed fields and CRC; also the whole header where the route is empty.
inline constexpr std::size_t kFrameHeaderBytes = 28;
inline constexpr std::size_t kMaxFrameHeaderBytes = kFrameHeaderBytes + 3 * kMaxRouteEntries;
inline constexpr std::size_t kMaxPayloadBytes = std::size_t{1} << 30;

struct FrameHeader {
  FrameType type = FrameType::kTensor;
  // Eight bits whose meaning belongs to the type; serve/ names them.
  std::uint8_t flags = 0;
  FrameKey key;
  // Index of the edge in the plan, or of the part, as the type says.
  std::uint16_t edge = 0;
  // What is left of the frame's deadline, in microseconds; kNoBudget where there is none.
  std::uint32_t budget_us = 0;
  // For every part of the plan that has several machines, in the plan's order: the index of the
  // chosen one in that part's list. At most kMaxRouteEntries.
  std::vector<std::uint16_t> route;

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

inline constexpr std::uint32_t kNoBudget = 0xffffffff;

// A written header. The message is `bytes()` followed by the payload slices.
class FrameHeaderBytes {
 public:
  std::span<const std::byte> bytes() const { return {bytes_.data(), size_}; }
  std::size_t size() const { return size_; }

 private:
  friend FrameHeaderBytes write_header(const FrameHeader&,
                                       std::span<const std::span<const std::byte>>);
  std::array<std::byte, kMaxFrameHeaderBytes> bytes_;
  std::size_t size_ = 0;
};

// Computes the CRC over header and payload; copies no payload. Throws Error{kInvalid} for a route
// or payload over the bounds.
FrameHeaderBytes write_header(const FrameHeader& header,
                              std::span<const std::span<const std::byte>> payload_slices);
FrameHeaderBytes write_header(const FrameHeader& header, std::span<const std::byte> payload = {});

// Header and payload in one piece, for tests and small messages.
std::vector<std::byte> write_frame(const FrameHeader& header,
                                   std::span<const std::byte> payload = {});

struct ParsedFrame {
  FrameHeader header;
  // A view of the message.
  std::span<const std::byte> payload;
};

// Reads one whole message and checks its CRC. Throws Error{kInvalid} for anything that write_header
// could not have produced: another version, an unknown type, a wrong length, a bit changed
// anywhere.
ParsedFrame parse_frame(std::span<const std::byte> message);

// For a message that arrives in pieces: the header alone, its CRC not checked yet. The receiver
// extends `crc` (codec/crc.h) over the payload as it copies it and then calls `check_frame`.
struct PartialFrame {
  FrameHeader header;
  std::size_t header_bytes = 0;
  std::size_t payload_bytes = 0;
  std::uint32_t crc = 0;
  std::uint32_t expected_crc = 0;
};

// `beginning` holds the first bytes of a message of `message_bytes` in all: at least its header,
// for which min(message_bytes, kMaxFrameHeaderBytes) are always enough. Throws as parse_frame.
PartialFrame parse_header(std::span<const std::byte> beginning, std::size_t message_bytes);
// Throws Error{kInvalid} unless crc == expected_crc.
void check_frame(const PartialFrame& frame);

}  // namespace isthmus
