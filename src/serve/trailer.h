#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/trace.h"
#include "net/flow_message.h"

namespace isthmus {

// The bits of FrameHeader::flags.
inline constexpr std::uint8_t kFlagTrailer = 1;  // The payload ends with a trailer.
inline constexpr std::uint8_t kFlagMustAnswer =
    2;  // Run it even when its budget is over: nobody else will.

// A span as it travels: names are indices that both ends know from the deployment.
struct WireSpan {
  SpanKind kind = SpanKind::kRun;
  std::uint8_t machine = 0;
  // Part for kQueue and kRun, else edge.
  std::uint16_t what = 0;
  Seconds start{0};
  Seconds duration{0};
};

struct WireBytes {
  std::uint16_t edge = 0;
  std::int64_t message = 0;
  std::int64_t on_air = 0;
};

// What the machines report of a frame to its source, behind the payload of what travels back
// (docs/protocol.md has the grammar). Start times count 10 us, durations 0.1 us.
struct Trailer {
  std::vector<WireSpan> spans;
  std::vector<WireBytes> bytes;
  // Edges whose optional input was replaced by its default.
  std::vector<std::uint16_t> missing;

  void append(const Trailer& other);
};

std::vector<std::byte> write_trailer(const Trailer& trailer);

// Takes the trailer, if there is one, off a received message. Throws Error{kInvalid} for one that
// is malformed.
Trailer take_trailer(FlowMessage& message);
// Puts one on; the message must not have one.
void put_trailer(FlowMessage& message, const Trailer& trailer);

}  // namespace isthmus
