#include "codec/frame.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "codec/crc.h"
#include "core/error.h"
#include "core/rng.h"

namespace isthmus {
namespace {

std::vector<std::byte> random_bytes(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& b : bytes) b = static_cast<std::byte>(rng.bits());
  return bytes;
}

FrameHeader example() {
  return {.type = FrameType::kTensor,
          .flags = 0x81,
          .key = {.source = 513, .frame = 0x12345678, .attempt = 3, .epoch = 1027},
          .edge = 2571,
          .budget_us = 200'000,
          .route = {0, 1, 127, 128, 300, 16383, 16384, 65535}};
}

// Whether the bytes are refused as damage; anything else that is thrown fails the test.
bool refused(std::span<const std::byte> message) {
  try {
    parse_frame(message);
    return false;
  } catch (const Error& error) {
    return error.kind() == ErrorKind::kInvalid;
  }
}

TEST(Frame, ComesBackAsItWasWritten) {
  for (const std::size_t bytes : {0, 1, 3, 1000}) {
    const auto payload = random_bytes(bytes, 1);
    const auto message = write_frame(example(), payload);
    const ParsedFrame frame = parse_frame(message);
    EXPECT_EQ(frame.header, example());
    EXPECT_TRUE(std::ranges::equal(frame.payload, payload));
  }
}

TEST(Frame, ComesBackWhateverItsFieldsAre) {
  Rng rng(2);
  for (int i = 0; i < 2000; ++i) {
    FrameHeader header{.type = static_cast<FrameType>(1 + rng.below(8)),
                       .flags = static_cast<std::uint8_t>(rng.bits()),
                       .key = {.source = static_cast<std::uint16_t>(rng.bits()),
                               .frame = static_cast<std::uint32_t>(rng.bits()),
                               .attempt = static_cast<std::uint8_t>(rng.bits()),
                               .epoch = static_cast<std::uint16_t>(rng.bits())},
                       .edge = static_cast<std::uint16_t>(rng.bits()),
                       .budget_us = static_cast<std::uint32_t>(rng.bits())};
    header.route.resize(rng.below(kMaxRouteEntries + 1));
    for (auto& entry : header.route)
      entry = static_cast<std::uint16_t>(rng.bits() >> (48 + rng.below(16)));
    ASSERT_EQ(parse_frame(write_frame(header)).header, header);
  }
}

TEST(Frame, AddsAtMost32BytesToATensorOfAPlanWithoutChoices) {
  FrameHeader header = example();
  header.route = {};
  EXPECT_EQ(write_header(header).size(), 28u);
  header.route = {1, 2, 3, 4};
  EXPECT_EQ(write_header(header).size(), 32u);
}

TEST(Frame, StaysWithinItsBoundAtTheLongestRoute) {
  FrameHeader header = example();
  header.route.assign(kMaxRouteEntries, 65535);
  EXPECT_EQ(write_header(header).size(), kMaxFrameHeaderBytes);
  EXPECT_EQ(parse_frame(write_frame(header)).header, header);
  header.route.push_back(0);
  EXPECT_THROW(write_header(header), Error);
}

TEST(Frame, IsWrittenAlikeFromSlices) {
  const auto payload = random_bytes(1000, 3);
  const std::span<const std::byte> all = payload;
  const std::vector<std::span<const std::byte>> slices = {
      all.first(7), {}, all.subspan(7, 600), all.subspan(607)};
  EXPECT_TRUE(std::ranges::equal(write_header(example(), slices).bytes(),
                                 write_header(example(), all).bytes()));
}

TEST(Frame, IsReadAlikeInPieces) {
  const auto payload = random_bytes(1000, 4);
  const auto message = write_frame(example(), payload);
  const std::span<const std::byte> all = message;
  PartialFrame frame = parse_header(all.first(kMaxFrameHeaderBytes), all.size());
  EXPECT_EQ(frame.header, example());
  EXPECT_EQ(frame.payload_bytes, payload.size());
  EXPECT_THROW(check_frame(frame), Error);
  const auto rest = all.subspan(frame.header_bytes);
  frame.crc = crc_extend(crc_extend(frame.crc, rest.first(333)), rest.subspan(333));
  EXPECT_NO_THROW(check_frame(frame));
}

TEST(Frame, IsRefusedWithAnyBitChanged) {
  auto message = write_frame(example(), random_bytes(100, 5));
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1u << (bit % 8));
    message[bit / 8] ^= mask;
    ASSERT_TRUE(refused(message)) << "bit " << bit;
    message[bit / 8] ^= mask;
  }
  EXPECT_FALSE(refused(message));
}

TEST(Frame, IsRefusedAtAnyOtherLength) {
  auto message = write_frame(example(), random_bytes(100, 6));
  for (std::size_t bytes = 0; bytes < message.size(); ++bytes)
    ASSERT_TRUE(refused(std::span(message).first(bytes))) << bytes << " bytes";
  message.push_back(std::byte{0});
  EXPECT_TRUE(refused(message));
}

// Changes the header and makes its CRC right again: what a peer with a bug, or worse, could send.
std::vector<std::byte> forged(std::size_t at, std::uint8_t value) {
  FrameHeader header = example();
  header.route = {1, 2};
  auto message = write_frame(header, random_bytes(8, 7));
  message[at] = static_cast<std::byte>(value);
  const std::span<const std::byte> all = message;
  const std::uint32_t crc = crc_extend(crc_extend(0, all.first(24)), all.subspan(28));
  for (int i = 0; i < 4; ++i) message[24 + i] = static_cast<std::byte>(crc >> (8 * i));
  return message;
}

TEST(Frame, IsRefusedWithFieldsThatCannotBe) {
  struct Case {
    const char* what;
    std::size_t at;
    std::uint8_t value;
  };
  for (const Case& c :
       {Case{"version 2", 0, 0x21}, Case{"type 0", 0, 0x10}, Case{"type 9", 0, 0x19},
        Case{"33 route entries", 9, 33}, Case{"1 route entry of 2", 9, 1},
        Case{"header longer than the message", 14, 44}, Case{"header of no multiple of 4", 14, 31},
        Case{"header shorter than itself", 14, 24}, Case{"payload length", 20, 9},
        Case{"huge payload", 23, 255}, Case{"padding", 31, 1}, Case{"endless varint", 31, 0x80},
        Case{"long form of a varint", 28, 0x80}}) {
    SCOPED_TRACE(c.what);
    const bool harmless = c.at == 28;  // 0x80 0x02 is 256, and the second entry is the padding.
    EXPECT_EQ(refused(forged(c.at, c.value)), !harmless);
  }
  EXPECT_FALSE(refused(forged(1, 0)));
}

TEST(Frame, SaysWhichVersionItMet) {
  try {
    parse_frame(forged(0, 0x21));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("version 2, this program speaks version 1"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace isthmus
