#include "serve/trailer.h"

#include <cmath>
#include <cstring>

#include "core/error.h"

namespace isthmus {
namespace {

constexpr Seconds kStartUnit{1e-5};
constexpr Seconds kDurationUnit{1e-7};
constexpr std::uint8_t kBytesTag = 0x80;
constexpr std::uint8_t kMissingTag = 0x81;
constexpr std::size_t kMaxTrailerBytes = 0xffff;

// Little-endian, as all machines that Isthmus runs on are.
template <typename T>
void write(std::vector<std::byte>& to, T value) {
  const std::size_t at = to.size();
  to.resize(at + sizeof(T));
  std::memcpy(to.data() + at, &value, sizeof(T));
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool done() const { return bytes_.empty(); }

  template <typename T>
  T read() {
    if (bytes_.size() < sizeof(T))
      throw Error(ErrorKind::kInvalid, "message with a truncated trailer");
    T value;
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
};

// Wraps around, as a clock that runs for longer than 11 hours does.
std::uint32_t ticks(Seconds time, Seconds unit) {
  return static_cast<std::uint32_t>(std::llround(std::max(0.0, time / unit)));
}

void read_entry(Reader& reader, Trailer& trailer) {
  const auto tag = reader.read<std::uint8_t>();
  if (tag == kMissingTag) {
    trailer.missing.push_back(reader.read<std::uint16_t>());
  } else if (tag == kBytesTag) {
    WireBytes bytes;
    bytes.edge = reader.read<std::uint16_t>();
    bytes.message = reader.read<std::uint32_t>();
    bytes.on_air = reader.read<std::uint32_t>();
    trailer.bytes.push_back(bytes);
  } else if (tag <= static_cast<std::uint8_t>(SpanKind::kSend)) {
    WireSpan span;
    span.kind = static_cast<SpanKind>(tag);
    span.machine = reader.read<std::uint8_t>();
    span.what = reader.read<std::uint16_t>();
    span.start = reader.read<std::uint32_t>() * kStartUnit;
    span.duration = reader.read<std::uint32_t>() * kDurationUnit;
    trailer.spans.push_back(span);
  } else {
    throw Error(ErrorKind::kInvalid,
                "message with an unknown trailer entry: " + std::to_string(tag));
  }
}

}  // namespace

void Trailer::append(const Trailer& other) {
  spans.insert(spans.end(), other.spans.begin(), other.spans.end());
  bytes.insert(bytes.end(), other.bytes.begin(), other.bytes.end());
  missing.insert(missing.end(), other.missing.begin(), other.missing.end());
}

std::vector<std::byte> write_trailer(const Trailer& trailer) {
  std::vector<std::byte> to;
  to.reserve(12 * trailer.spans.size() + 11 * trailer.bytes.size() + 3 * trailer.missing.size() +
             2);
  for (const WireSpan& span : trailer.spans) {
    write(to, static_cast<std::uint8_t>(span.kind));
    write(to, span.machine);
    write(to, span.what);
    write(to, ticks(span.start, kStartUnit));
    write(to, ticks(span.duration, kDurationUnit));
  }
  for (const WireBytes& bytes : trailer.bytes) {
    write(to, kBytesTag);
    write(to, bytes.edge);
    write(to, static_cast<std::uint32_t>(bytes.message));
    write(to, static_cast<std::uint32_t>(bytes.on_air));
  }
  for (const std::uint16_t edge : trailer.missing) {
    write(to, kMissingTag);
    write(to, edge);
  }
  write(to, static_cast<std::uint16_t>(std::min(to.size() + 2, kMaxTrailerBytes)));
  return to;
}

Trailer take_trailer(FlowMessage& message) {
  Trailer trailer;
  if ((message.header.flags & kFlagTrailer) == 0) return trailer;
  const auto payload = message.payload.bytes();
  std::uint16_t size = 0;
  if (payload.size() >= sizeof(size))
    std::memcpy(&size, payload.data() + payload.size() - sizeof(size), sizeof(size));
  if (size < sizeof(size) || size > payload.size())
    throw Error(ErrorKind::kInvalid,
                "message with a trailer of impossible size: " + std::to_string(size));
  Reader reader(payload.last(size).first(size - sizeof(size)));
  while (!reader.done()) read_entry(reader, trailer);
  message.payload = Payload(payload.first(payload.size() - size), message.payload.owner());
  message.header.flags &= static_cast<std::uint8_t>(~kFlagTrailer);
  return trailer;
}

void put_trailer(FlowMessage& message, const Trailer& trailer) {
  message.trailer = write_trailer(trailer);
  message.header.flags |= kFlagTrailer;
}

}  // namespace isthmus
