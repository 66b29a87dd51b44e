#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "codec/codec.h"
#include "codec/frame.h"

namespace grpc {
class ByteBuffer;
}

namespace isthmus {

// A message of the flow stream (codec/frame.h): its payload is `payload` followed by `trailer`, so
// that a machine can add to what it passes on without copying it.
struct FlowMessage {
  FrameHeader header;
  Payload payload;
  // A few bytes; empty in a message that was received.
  std::vector<std::byte> trailer;
  // CPU time that reading it took, to be held back by a slower machine.
  Seconds receive_cpu{0};
};

// Bytes on the stream: frame header, CRC, payload and trailer.
std::int64_t message_bytes(const FlowMessage& message);

// No copy of the payload: the buffer keeps its memory alive.
grpc::ByteBuffer to_byte_buffer(const FlowMessage& message);

// Checks the CRC. A message that gRPC holds in one aligned piece is adopted; one in several is
// copied once, to where an f32 payload is aligned. Throws Error{kInvalid} as parse_frame does.
FlowMessage from_byte_buffer(const grpc::ByteBuffer& buffer);

}  // namespace isthmus
