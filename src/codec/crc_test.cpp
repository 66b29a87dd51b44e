#include "codec/crc.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/rng.h"

namespace isthmus {
namespace {

std::vector<std::byte> random_bytes(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& b : bytes) b = static_cast<std::byte>(rng.bits());
  return bytes;
}

// Bit by bit, from the definition.
std::uint32_t slow_crc(std::span<const std::byte> data) {
  std::uint32_t crc = 0xffffffff;
  for (const std::byte b : data) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

TEST(Crc, HasTheCheckValueOfItsPolynomial) {
  const std::string text = "123456789";
  EXPECT_EQ(crc_extend(0, std::as_bytes(std::span(text))), 0xcbf43926u);
}

TEST(Crc, AgreesWithItsDefinitionAtEveryLength) {
  const auto bytes = random_bytes(700, 1);
  for (std::size_t count = 0; count <= bytes.size(); ++count)
    ASSERT_EQ(crc_extend(0, std::span(bytes).first(count)),
              slow_crc(std::span(bytes).first(count)));
}

TEST(Crc, ExtendsOverSlices) {
  const auto bytes = random_bytes(5000, 2);
  const std::span<const std::byte> all = bytes;
  for (const std::size_t at : {0, 1, 28, 511, 4096, 5000})
    EXPECT_EQ(crc_extend(crc_extend(0, all.first(at)), all.subspan(at)), crc_extend(0, all));
}

}  // namespace
}  // namespace isthmus
