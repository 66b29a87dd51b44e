#include "codec/frame.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "codec/crc.h"
#include "codec/little_endian.h"
#include "core/error.h"

namespace isthmus {
namespace {

constexpr std::uint8_t kVersion = 1;
// Everything before the CRC, which is the last field before the route.
constexpr std::size_t kFixedBytes = 24;
constexpr std::size_t kCrcBytes = 4;
static_assert(kFixedBytes + kCrcBytes == kFrameHeaderBytes);
constexpr std::size_t kMaxVarintBytes = 3;

struct TypeRow {
  FrameType type;
  std::string_view name;
};
constexpr TypeRow kTypes[] = {
    {FrameType::kTensor, "tensor"},       {FrameType::kAnswer, "answer"}, {FrameType::kAck, "ack"},
    {FrameType::kRefusal, "refusal"},     {FrameType::kCredit, "credit"}, {FrameType::kEnd, "end"},
    {FrameType::kHeartbeat, "heartbeat"}, {FrameType::kEvent, "event"},
};

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::kInvalid, "frame is damaged: " + what);
}

std::byte* put_varint(std::byte* to, std::uint16_t value) {
  for (; value >= 0x80; value = static_cast<std::uint16_t>(value >> 7))
    *to++ = static_cast<std::byte>((value & 0x7f) | 0x80);
  *to++ = static_cast<std::byte>(value);
  return to;
}

// The shortest form only, so that a header has one spelling.
std::uint16_t take_varint(std::span<const std::byte>& from) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kMaxVarintBytes && i < from.size(); ++i) {
    const auto byte = std::to_integer<std::uint32_t>(from[i]);
    value |= (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if ((byte == 0 && i > 0) || value > 0xffff) break;
    from = from.subspan(i + 1);
    return static_cast<std::uint16_t>(value);
  }
  refuse("its route is malformed");
}

std::vector<std::uint16_t> parse_route(std::span<const std::byte> bytes, std::size_t entries) {
  std::vector<std::uint16_t> route(entries);
  for (std::uint16_t& entry : route) entry = take_varint(bytes);
  if (bytes.size() >= 4 ||
      !std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; }))
    refuse("its route is longer than it says");
  return route;
}

std::size_t round_up(std::size_t count) { return (count + 3) / 4 * 4; }

bool is_type(unsigned type) {
  return std::ranges::any_of(
      kTypes, [&](const TypeRow& row) { return static_cast<unsigned>(row.type) == type; });
}

}  // namespace

std::string_view to_string(FrameType type) {
  for (const TypeRow& row : kTypes)
    if (row.type == type) return row.name;
  return "unknown";
}

FrameHeaderBytes write_header(const FrameHeader& header,
                              std::span<const std::span<const std::byte>> payload_slices) {
  std::size_t payload_bytes = 0;
  for (const auto& slice : payload_slices) payload_bytes += slice.size();
  if (payload_bytes > kMaxPayloadBytes)
    throw Error(ErrorKind::kInvalid,
                "payload is too large for one frame: " + std::to_string(payload_bytes) + " bytes");
  if (header.route.size() > kMaxRouteEntries)
    throw Error(ErrorKind::kInvalid, "route has " + std::to_string(header.route.size()) +
                                         " entries, at most " + std::to_string(kMaxRouteEntries));

  FrameHeaderBytes result;
  std::byte* const begin = result.bytes_.data();
  std::byte* const route = begin + kFrameHeaderBytes;
  std::byte* route_end = route;
  for (const std::uint16_t entry : header.route) route_end = put_varint(route_end, entry);
  result.size_ = kFrameHeaderBytes + round_up(static_cast<std::size_t>(route_end - route));
  std::fill(route_end, begin + result.size_, std::byte{0});

  std::byte* at = begin;
  at = store(at, static_cast<std::uint8_t>(kVersion << 4 | static_cast<unsigned>(header.type)));
  at = store(at, header.flags);
  at = store(at, header.key.source);
  at = store(at, header.key.frame);
  at = store(at, header.key.attempt);
  at = store(at, static_cast<std::uint8_t>(header.route.size()));
  at = store(at, header.key.epoch);
  at = store(at, header.edge);
  at = store(at, static_cast<std::uint16_t>(result.size_));
  at = store(at, header.budget_us);
  at = store(at, static_cast<std::uint32_t>(payload_bytes));
  std::uint32_t crc = crc_extend(0, {begin, kFixedBytes});
  crc = crc_extend(crc, {route, begin + result.size_});
  for (const auto& slice : payload_slices) crc = crc_extend(crc, slice);
  store(at, crc);
  return result;
}

FrameHeaderBytes write_header(const FrameHeader& header, std::span<const std::byte> payload) {
  return write_header(header, std::span(&payload, 1));
}

std::vector<std::byte> write_frame(const FrameHeader& header, std::span<const std::byte> payload) {
  const FrameHeaderBytes written = write_header(header, payload);
  std::vector<std::byte> message(written.size() + payload.size());
  std::ranges::copy(payload, std::ranges::copy(written.bytes(), message.begin()).out);
  return message;
}

PartialFrame parse_header(std::span<const std::byte> beginning, std::size_t message_bytes) {
  beginning = beginning.first(std::min(beginning.size(), message_bytes));
  if (beginning.size() < kFrameHeaderBytes)
    refuse("it has " + std::to_string(beginning.size()) + " bytes, less than a header");
  const std::byte* at = beginning.data();
  const auto first = load<std::uint8_t>(at);
  if (first >> 4 != kVersion)
    refuse("version " + std::to_string(first >> 4) + ", this program speaks version " +
           std::to_string(kVersion));
  if (!is_type(first & 15u)) refuse("unknown type " + std::to_string(first & 15u));

  PartialFrame frame;
  frame.header.type = static_cast<FrameType>(first & 15u);
  frame.header.flags = load<std::uint8_t>(at + 1);
  frame.header.key = {.source = load<std::uint16_t>(at + 2),
                      .frame = load<std::uint32_t>(at + 4),
                      .attempt = load<std::uint8_t>(at + 8),
                      .epoch = load<std::uint16_t>(at + 10)};
  frame.header.edge = load<std::uint16_t>(at + 12);
  frame.header_bytes = load<std::uint16_t>(at + 14);
  frame.header.budget_us = load<std::uint32_t>(at + 16);
  frame.payload_bytes = load<std::uint32_t>(at + 20);
  frame.expected_crc = load<std::uint32_t>(at + kFixedBytes);
  const auto entries = load<std::uint8_t>(at + 9);
  if (entries > kMaxRouteEntries || frame.header_bytes < kFrameHeaderBytes ||
      frame.header_bytes > kMaxFrameHeaderBytes || frame.header_bytes % 4 != 0 ||
      frame.header_bytes > beginning.size())
    refuse("the length of its header is wrong");
  if (frame.payload_bytes > kMaxPayloadBytes ||
      frame.payload_bytes != message_bytes - frame.header_bytes)
    refuse("it says " + std::to_string(frame.payload_bytes) + " bytes of payload, there are " +
           std::to_string(message_bytes - frame.header_bytes));
  const auto route = beginning.subspan(kFrameHeaderBytes, frame.header_bytes - kFrameHeaderBytes);
  frame.header.route = parse_route(route, entries);
  frame.crc = crc_extend(crc_extend(0, beginning.first(kFixedBytes)), route);
  return frame;
}

void check_frame(const PartialFrame& frame) {
  if (frame.crc != frame.expected_crc) refuse("its checksum is wrong");
}

ParsedFrame parse_frame(std::span<const std::byte> message) {
  PartialFrame frame = parse_header(message, message.size());
  const auto payload = message.subspan(frame.header_bytes);
  frame.crc = crc_extend(frame.crc, payload);
  check_frame(frame);
  return {.header = std::move(frame.header), .payload = payload};
}

}  // namespace isthmus
