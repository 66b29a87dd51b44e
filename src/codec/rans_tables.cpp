#include "codec/rans_tables.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <string_view>

#include "codec/crc.h"
#include "codec/little_endian.h"
#include "core/error.h"
#include "core/hash.h"

namespace isthmus {
namespace {

constexpr std::string_view kMagic = "ISRT";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kTableBytes = 256 * sizeof(std::uint16_t);
constexpr std::size_t kCrcBytes = 4;

using Frequencies = std::array<std::uint16_t, 256>;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::kInvalid, "frequency tables: " + what);
}

RansTable::Encoding encoding_of(std::uint32_t frequency, std::uint32_t start) {
  // quotient = state * reciprocal / 2^64 = state / frequency, exactly, for states below 2^32.
  // A frequency of 1 would need 2^64; 2^64 - 1 gives state - 1, which the bias makes good.
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  RansTable::Encoding result;
  result.reciprocal = frequency == 1 ? kMax : kMax / frequency + 1;
  result.limit = frequency << (32 - kRansBits);
  result.complement = kRansTotal - frequency;
  result.bias = frequency == 1 ? start + kRansTotal - 1 : start;
  return result;
}

RansTable table_of_frequencies(const Frequencies& frequencies, std::size_t group) {
  RansTable table;
  std::uint32_t start = 0;
  for (std::size_t code = 0; code < 256; ++code) {
    const std::uint32_t frequency = frequencies[code];
    if (frequency == 0 || start + frequency > kRansTotal) break;
    table.decoding[code] = {static_cast<std::uint16_t>(frequency),
                            static_cast<std::uint16_t>(start)};
    table.encoding[code] = encoding_of(frequency, start);
    std::fill_n(table.symbol.begin() + start, frequency, static_cast<std::uint8_t>(code));
    start += frequency;
    if (code == 255 && start == kRansTotal) return table;
  }
  refuse("those of group " + std::to_string(group) + " are not 256 of at least 1 that sum to " +
         std::to_string(kRansTotal));
}

void check_groups(std::span<const std::uint8_t> group_of_channel, std::size_t groups) {
  if (groups == 0 || groups > kMaxRansGroups)
    refuse("number of groups out of bounds: " + std::to_string(groups));
  if (group_of_channel.empty() || group_of_channel.size() > kMaxRansChannels)
    refuse("number of channels out of bounds: " + std::to_string(group_of_channel.size()));
  for (const std::uint8_t group : group_of_channel)
    if (group >= groups)
      refuse("a channel is in group " + std::to_string(group) + ", which does not exist");
}

}  // namespace

RansTables::RansTables(std::vector<std::uint8_t> group_of_channel,
                       std::span<const Frequencies> frequencies)
    : group_of_channel_(std::move(group_of_channel)) {
  check_groups(group_of_channel_, frequencies.size());
  tables_.reserve(frequencies.size());
  for (std::size_t group = 0; group < frequencies.size(); ++group)
    tables_.push_back(table_of_frequencies(frequencies[group], group));
  hash_ = sha256(serialize());
}

RansTables RansTables::uniform() {
  Frequencies equal;
  equal.fill(kRansTotal / 256);
  return RansTables({0}, std::span(&equal, 1));
}

RansTables RansTables::parse(std::span<const std::byte> file) {
  if (file.size() < kHeaderBytes + kCrcBytes ||
      std::string_view(reinterpret_cast<const char*>(file.data()), kMagic.size()) != kMagic)
    refuse("this is no file of frequency tables");
  const std::byte* at = file.data();
  if (const auto version = load<std::uint16_t>(at + 4); version != kVersion)
    refuse("version " + std::to_string(version) + ", this program reads version " +
           std::to_string(kVersion));
  const std::size_t channels = load<std::uint32_t>(at + 8);
  const std::size_t groups = load<std::uint16_t>(at + 12);
  if (load<std::uint8_t>(at + 6) != kRansBits || load<std::uint8_t>(at + 7) != 0 ||
      load<std::uint16_t>(at + 14) != 0)
    refuse("the header is damaged");
  if (channels > kMaxRansChannels || groups > kMaxRansGroups ||
      file.size() != kHeaderBytes + channels + groups * kTableBytes + kCrcBytes)
    refuse("the length does not fit " + std::to_string(channels) + " channels and " +
           std::to_string(groups) + " groups");
  const std::size_t content = file.size() - kCrcBytes;
  if (crc_extend(0, file.first(content)) != load<std::uint32_t>(at + content))
    refuse("the checksum is wrong");

  at += kHeaderBytes;
  std::vector<std::uint8_t> group_of_channel(channels);
  std::ranges::transform(std::span(at, channels), group_of_channel.begin(),
                         [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  at += channels;
  std::vector<Frequencies> frequencies(groups);
  for (Frequencies& row : frequencies)
    for (std::uint16_t& frequency : row) {
      frequency = load<std::uint16_t>(at);
      at += sizeof(frequency);
    }
  return RansTables(std::move(group_of_channel), frequencies);
}

std::vector<std::byte> RansTables::serialize() const {
  std::vector<std::byte> file(kHeaderBytes + channels() + groups() * kTableBytes + kCrcBytes);
  std::byte* at = file.data();
  for (const char c : kMagic) *at++ = static_cast<std::byte>(c);
  at = store(at, kVersion);
  at = store(at, static_cast<std::uint8_t>(kRansBits));
  at = store(at, std::uint8_t{0});
  at = store(at, static_cast<std::uint32_t>(channels()));
  at = store(at, static_cast<std::uint16_t>(groups()));
  at = store(at, std::uint16_t{0});
  for (const std::uint8_t group : group_of_channel_) *at++ = static_cast<std::byte>(group);
  for (const RansTable& table : tables_)
    for (const RansTable::Decoding& entry : table.decoding) at = store(at, entry.frequency);
  store(at, crc_extend(0, std::span(file).first(file.size() - kCrcBytes)));
  return file;
}

ChannelLayout channel_layout(const Shape& shape) {
  const auto count = static_cast<std::size_t>(element_count(shape));
  if (count == 0) return {};
  if (shape.size() < 3) return {.channels = 1, .planes = 1, .plane_size = count};
  const auto channels = static_cast<std::size_t>(shape[1]);
  const std::size_t planes = static_cast<std::size_t>(shape[0]) * channels;
  return {.channels = channels, .planes = planes, .plane_size = count / planes};
}

}  // namespace isthmus
