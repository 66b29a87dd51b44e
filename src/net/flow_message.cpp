#include "net/flow_message.h"

#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "codec/crc.h"
#include "core/block_pool.h"

namespace isthmus {
namespace {

std::shared_ptr<std::byte[]> aligned_bytes(std::size_t count) {
  const Block block = take_block(count);
  return {block.memory, [block](std::byte*) { give_block(block); }};
}

// The memory of a payload as gRPC sees it: freed when the last reference in the transport is gone.
grpc::Slice borrow(const Payload& payload) {
  auto* owner = new Payload(payload);
  auto* data = const_cast<std::byte*>(payload.bytes().data());
  const auto release = [](void* held) { delete static_cast<Payload*>(held); };
  return {data, payload.size(), release, owner};
}

std::span<const std::byte> view(const grpc::Slice& slice) {
  return {reinterpret_cast<const std::byte*>(slice.begin()), slice.size()};
}

FlowMessage adopt(grpc::Slice slice) {
  auto owner = std::make_shared<grpc::Slice>(std::move(slice));
  const ParsedFrame frame = parse_frame(view(*owner));
  return {.header = frame.header, .payload = Payload(frame.payload, owner), .trailer = {}};
}

// The first bytes of all slices, as many as a header may have.
std::size_t gather_beginning(std::span<const grpc::Slice> slices,
                             std::span<std::byte, kMaxFrameHeaderBytes> beginning) {
  std::size_t filled = 0;
  for (const grpc::Slice& slice : slices) {
    const std::size_t count = std::min(slice.size(), beginning.size() - filled);
    std::memcpy(beginning.data() + filled, slice.begin(), count);
    filled += count;
  }
  return filled;
}

// One pass: copies the payload behind an aligned start and sums it up.
FlowMessage gather(std::span<const grpc::Slice> slices, std::size_t message_bytes) {
  std::array<std::byte, kMaxFrameHeaderBytes> beginning;
  const std::size_t filled = gather_beginning(slices, beginning);
  PartialFrame frame = parse_header(std::span(beginning).first(filled), message_bytes);
  auto memory = aligned_bytes(std::max<std::size_t>(frame.payload_bytes, 1));
  std::size_t skip = frame.header_bytes;
  std::size_t written = 0;
  for (const grpc::Slice& slice : slices) {
    auto bytes = view(slice);
    const std::size_t skipped = std::min(skip, bytes.size());
    skip -= skipped;
    bytes = bytes.subspan(skipped);
    std::memcpy(memory.get() + written, bytes.data(), bytes.size());
    frame.crc = crc_extend(frame.crc, {memory.get() + written, bytes.size()});
    written += bytes.size();
  }
  check_frame(frame);
  const std::span<const std::byte> payload{memory.get(), frame.payload_bytes};
  return {.header = frame.header, .payload = Payload(payload, std::move(memory)), .trailer = {}};
}

}  // namespace

std::int64_t message_bytes(const FlowMessage& message) {
  const std::size_t header = write_header(message.header).size();
  return static_cast<std::int64_t>(header + message.payload.size() + message.trailer.size());
}

grpc::ByteBuffer to_byte_buffer(const FlowMessage& message) {
  const std::array<std::span<const std::byte>, 2> pieces{message.payload.bytes(), message.trailer};
  const FrameHeaderBytes header = write_header(message.header, pieces);
  std::array<grpc::Slice, 3> slices;
  std::size_t count = 0;
  slices[count++] = grpc::Slice(header.bytes().data(), header.size());
  if (message.payload.size() > 0) slices[count++] = borrow(message.payload);
  if (!message.trailer.empty())
    slices[count++] = grpc::Slice(message.trailer.data(), message.trailer.size());
  return {slices.data(), count};
}

FlowMessage from_byte_buffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) slices.clear();
  if (slices.size() == 1) return adopt(std::move(slices.front()));
  return gather(slices, buffer.Length());
}

}  // namespace isthmus
