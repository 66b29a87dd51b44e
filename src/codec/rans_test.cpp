#include "codec/rans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"

namespace isthmus {
namespace {

using Codes = std::vector<std::uint8_t>;

Tensor tensor_of(const Codes& codes, Shape shape) { return Tensor::of<std::uint8_t>(shape, codes); }

RansTables learnt(const Codes& codes, const Shape& shape, std::size_t groups = 16) {
  const Tensor sample = tensor_of(codes, shape);
  return learn_tables({&sample, 1}, {.max_groups = groups});
}

std::vector<std::byte> encoded(const Codes& codes, const Shape& shape, const RansTables& tables) {
  std::vector<std::byte> room(codes.size() * 2 + 100);
  const auto bytes = rans_encode(codes, channel_layout(shape), tables, room);
  EXPECT_TRUE(bytes.has_value());
  return {room.end() - static_cast<std::ptrdiff_t>(*bytes), room.end()};
}

Codes decoded(std::span<const std::byte> stream, const Shape& shape, const RansTables& tables) {
  Codes codes(static_cast<std::size_t>(element_count(shape)));
  rans_decode(stream, channel_layout(shape), tables, codes);
  return codes;
}

using Draw = std::function<std::uint8_t(Rng&)>;
struct Source {
  const char* name;
  Draw draw;
};

const std::vector<Source>& sources() {
  static const std::vector<Source> all = {
      {"constant", [](Rng&) { return std::uint8_t{17}; }},
      {"uniform", [](Rng& rng) { return static_cast<std::uint8_t>(rng.bits()); }},
      {"two codes", [](Rng& rng) { return static_cast<std::uint8_t>(rng.below(2) * 255); }},
      {"mostly zero",
       [](Rng& rng) { return static_cast<std::uint8_t>(rng.uniform() < 0.99 ? 0 : rng.bits()); }},
      {"normal",
       [](Rng& rng) {
         return static_cast<std::uint8_t>(std::clamp(128 + 20 * rng.normal(), 0.0, 255.0));
       }},
      {"geometric",
       [](Rng& rng) {
         return static_cast<std::uint8_t>(std::min(255.0, -3 * std::log(1 - rng.uniform())));
       }},
  };
  return all;
}

Codes drawn(const Source& source, std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Codes codes(count);
  for (auto& code : codes) code = source.draw(rng);
  return codes;
}

double entropy_bytes(const Codes& codes) {
  std::array<double, 256> counts{};
  for (const auto code : codes) ++counts[code];
  double bits = 0;
  for (const double n : counts)
    if (n > 0) bits += n * std::log2(static_cast<double>(codes.size()) / n);
  return bits / 8;
}

TEST(Rans, RoundTripsEverySourceUnderTheTablesOfEveryOther) {
  const Shape shape = {1, 6, 9, 11};
  for (const Source& teacher : sources()) {
    const RansTables tables = learnt(drawn(teacher, 594, 1), shape);
    for (const Source& source : sources()) {
      SCOPED_TRACE(std::string(source.name) + " under the tables of " + teacher.name);
      const Codes codes = drawn(source, 594, 2);
      EXPECT_EQ(decoded(encoded(codes, shape, tables), shape, tables), codes);
    }
  }
}

TEST(Rans, RoundTripsEveryLength) {
  const RansTables tables = learnt(drawn(sources()[4], 5000, 3), {5000});
  for (std::int64_t count = 0; count < 200; ++count) {
    const Codes codes = drawn(sources()[1], static_cast<std::size_t>(count), 4);
    ASSERT_EQ(decoded(encoded(codes, {count}, tables), {count}, tables), codes) << count;
  }
}

TEST(Rans, RoundTripsPlanesOfEverySize) {
  Rng rng(5);
  for (int i = 0; i < 200; ++i) {
    const Shape shape = {
        1 + static_cast<std::int64_t>(rng.below(2)), 1 + static_cast<std::int64_t>(rng.below(7)),
        static_cast<std::int64_t>(rng.below(9)), 1 + static_cast<std::int64_t>(rng.below(9))};
    const Codes codes =
        drawn(sources()[rng.below(6)], static_cast<std::size_t>(element_count(shape)), rng.bits());
    const RansTables tables = learnt(codes, shape, 1 + rng.below(8));
    ASSERT_EQ(decoded(encoded(codes, shape, tables), shape, tables), codes) << to_string(shape);
  }
}

TEST(Rans, ComesWithinTwoPercentOfTheEntropyAndItsStates) {
  for (const Source& source : sources()) {
    SCOPED_TRACE(source.name);
    const Codes codes = drawn(source, 200'000, 6);
    const RansTables tables = learnt(codes, {200'000});
    // A table keeps 256 of 16384 slots for codes that never come: 0.023 bits a code.
    const double floor = entropy_bytes(codes) + 200'000 * 0.0227 / 8 + kRansStateBytes;
    EXPECT_LE(static_cast<double>(encoded(codes, {200'000}, tables).size()), 1.02 * floor);
  }
}

TEST(Rans, WritesNothingThatDoesNotFit) {
  const Codes codes = drawn(sources()[4], 3000, 7);
  const RansTables tables = learnt(codes, {3000});
  const std::size_t needed = encoded(codes, {3000}, tables).size();
  for (std::size_t bytes = 0; bytes < needed + 40; ++bytes) {
    // On the heap, so that the sanitizer sees a step over either end.
    std::vector<std::byte> room(bytes);
    const auto written = rans_encode(codes, channel_layout({3000}), tables, room);
    if (bytes < needed) {
      ASSERT_FALSE(written.has_value());
    }
    if (bytes >= needed + 2 * kRansStates) {
      ASSERT_EQ(written, needed);
    }
  }
}

TEST(Rans, RefusesEveryTruncation) {
  const Codes codes = drawn(sources()[5], 500, 8);
  const RansTables tables = learnt(codes, {500});
  const auto stream = encoded(codes, {500}, tables);
  for (std::size_t bytes = 0; bytes < stream.size(); ++bytes) {
    const std::vector<std::byte> cut(stream.begin(), stream.begin() + static_cast<long>(bytes));
    ASSERT_THROW(decoded(cut, {500}, tables), Error) << bytes;
  }
  auto longer = stream;
  longer.resize(stream.size() + 2);
  EXPECT_THROW(decoded(longer, {500}, tables), Error);
}

TEST(Rans, GivesCodesOrAnErrorForAnyBitChanged) {
  const Codes codes = drawn(sources()[5], 300, 9);
  const RansTables tables = learnt(codes, {300});
  auto stream = encoded(codes, {300}, tables);
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
    stream[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    try {
      EXPECT_NE(decoded(stream, {300}, tables), codes);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
      ++refused;
    }
    stream[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  // The states at the end tell nearly every damage; the frame's CRC tells all.
  EXPECT_GT(refused, stream.size() * 8 * 99 / 100);
}

}  // namespace
}  // namespace isthmus
