// Frames: whatever parses is written again to the same bytes, and nothing else is ever read. Half
// of the inputs get the CRC that they lack, so that the fuzzer reaches what lies behind the check.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "codec/crc.h"
#include "codec/frame.h"
#include "codec/little_endian.h"
#include "core/error.h"

namespace {

using namespace isthmus;

constexpr std::size_t kCrcAt = kFrameHeaderBytes - 4;

void sign(std::vector<std::byte>& message) {
  if (message.size() < kFrameHeaderBytes) return;
  const std::span<const std::byte> all = message;
  store(message.data() + kCrcAt,
        crc_extend(crc_extend(0, all.first(kCrcAt)), all.subspan(kFrameHeaderBytes)));
}

void check(std::span<const std::byte> message) {
  try {
    const ParsedFrame frame = parse_frame(message);
    if (!std::ranges::equal(write_frame(frame.header, frame.payload), message)) std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalid) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of just this size, so that the sanitizer sees a read behind it.
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> message(begin, begin + size);
  check(message);
  sign(message);
  check(message);
  return 0;
}
